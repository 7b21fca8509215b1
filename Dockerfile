# The one image of the registry: server, migration, expiry, unsubscribe handlers and consentctl.
# tests/image plays these steps without a container engine, and runs what comes of them.

FROM python:3.11-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b AS builder
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1
WORKDIR /build

# pip works on both environments from outside: neither holds an installer.
COPY requirements/build.txt requirements/server.txt requirements/
RUN python -m venv --without-pip /opt/build \
 && pip --python /opt/build/bin/python install --require-hashes -r requirements/build.txt \
 && python -m venv --without-pip /opt/consent-registry \
 && pip --python /opt/consent-registry/bin/python install --no-compile --require-hashes -r requirements/server.txt

# Bytecode is never written at run time, where the tree is read-only, and never checked against
# sources that do not change. Nothing imports the places of telephone numbers.
COPY pyproject.toml README.md ./
COPY protos/gen protos/gen
COPY server server
COPY client client
RUN pip --python /opt/build/bin/python wheel --no-deps --no-build-isolation --wheel-dir dist . \
 && pip --python /opt/consent-registry/bin/python install --no-compile --no-deps --no-index dist/*.whl \
 && pip --python /opt/consent-registry/bin/python check \
 && python -m compileall -q -j 0 --invalidation-mode unchecked-hash -x /phonenumbers/geodata/ /opt/consent-registry/lib

FROM python:3.11-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b
LABEL org.opencontainers.image.title="consent-registry" \
      org.opencontainers.image.description="Answers, before any outreach, whether a controller may contact a person, and proves why." \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.base.name="python:3.11-slim-bookworm"

# The base brings installers that nothing needs, and its library without bytecode.
RUN pip uninstall --yes wheel setuptools pip \
 && python -m compileall -q -j 0 --invalidation-mode unchecked-hash /usr/local/lib/python3.11

COPY --from=builder /opt/consent-registry /opt/consent-registry

# An empty PYTHONTZPATH: the time zones are those of the pinned package, not of the base. The core
# of gRPC writes lines of its own between those of the log, unless it is told before it is loaded.
ENV GRPC_VERBOSITY=NONE \
    PATH=/opt/consent-registry/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONTZPATH="" \
    PYTHONUNBUFFERED=1
USER 65532:65532
# gRPC, its health, metrics; web, its metrics.
EXPOSE 50051 50052 9464 8080 9465
STOPSIGNAL SIGTERM
ENTRYPOINT ["consent-registry"]
CMD ["serve"]

{{/* A PostgreSQL cluster of its own operator. Takes root, suffix, values, bootstrap and roles. */}}
{{- define "consent-registry.cluster" -}}
apiVersion: postgresql.cnpg.io/v1
kind: Cluster
metadata:
  name: {{ include "consent-registry.fullname" .root }}-{{ .suffix }}
  labels:
    {{- include "consent-registry.labels" (dict "root" .root "component" .suffix) | nindent 4 }}
  annotations:
    # What was said must outlive an uninstallation by mistake.
    helm.sh/resource-policy: keep
spec:
  instances: {{ .values.instances }}
  {{- with .values.imageName }}
  imageName: {{ . }}
  {{- end }}
  enableSuperuserAccess: false
  primaryUpdateStrategy: unsupervised
  storage:
    size: {{ .values.storage.size }}
    {{- with .values.storage.storageClass }}
    storageClass: {{ . }}
    {{- end }}
  {{- with .values.resources }}
  resources:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  affinity:
    enablePodAntiAffinity: true
    topologyKey: kubernetes.io/hostname
    podAntiAffinityType: preferred
  postgresql:
    {{- if gt (int .values.instances) 1 }}
    # What was acknowledged is on two machines.
    synchronous:
      method: any
      number: 1
      dataDurability: {{ .values.dataDurability }}
    {{- end }}
    parameters:
      # The text of a refused statement may hold digests.
      log_min_error_statement: panic
      log_error_verbosity: terse
      {{- with .values.parameters }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
  bootstrap:
    initdb:
      {{- .bootstrap | nindent 6 }}
  {{- with .roles }}
  managed:
    roles:
      {{- . | nindent 6 }}
  {{- end }}
  {{- with .values.backup }}
  backup:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{- define "consent-registry.registryBootstrap" -}}
{{- with .Values.database -}}
database: {{ .name }}
owner: {{ .owner.user }}
secret:
  name: {{ .owner.passwordSecret.name }}
# Before anything else exists: the role by which servers work, which owns nothing.
postInitSQL:
  - CREATE ROLE consent_registry_app NOLOGIN
postInitApplicationSQL:
  - REVOKE ALL ON DATABASE {{ .name | quote }} FROM PUBLIC
  - REVOKE ALL ON SCHEMA public FROM PUBLIC
  - GRANT CONNECT ON DATABASE {{ .name | quote }} TO consent_registry_app
{{- end -}}
{{- end -}}

{{- define "consent-registry.registryRoles" -}}
{{- with .Values.database.server -}}
- name: {{ .user }}
  ensure: present
  comment: the servers of the consent registry
  login: true
  inRoles: [consent_registry_app]
  passwordSecret:
    name: {{ .passwordSecret.name }}
{{- end -}}
{{- end -}}

{{- define "consent-registry.keyStoreBootstrap" -}}
{{- with .Values.keyStore -}}
database: {{ .name }}
owner: {{ .user }}
secret:
  name: {{ .passwordSecret.name }}
postInitApplicationSQL:
  - REVOKE ALL ON DATABASE {{ .name | quote }} FROM PUBLIC
  - REVOKE ALL ON SCHEMA public FROM PUBLIC
{{- end -}}
{{- end -}}

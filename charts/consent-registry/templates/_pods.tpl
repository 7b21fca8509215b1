{{/* What every pod has. It cannot be weakened by values: the restricted Pod Security Standard, and more. */}}

{{/* The first fields of a pod. Takes root, component and values. */}}
{{- define "consent-registry.pod" -}}
serviceAccountName: {{ include "consent-registry.componentName" . }}
automountServiceAccountToken: false
# It would set variables with our own prefix.
enableServiceLinks: false
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- with .values.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- with .values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Over nodes and zones, unless the values say otherwise. Takes root, component and values. */}}
{{- define "consent-registry.spread" -}}
topologySpreadConstraints:
{{- if .values.topologySpreadConstraints }}
  {{- toYaml .values.topologySpreadConstraints | nindent 2 }}
{{- else }}
{{- $context := . }}
{{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "consent-registry.selectorLabels" $context | nindent 8 }}
    # Of one revision: in a rolling update the old pods do not count.
    matchLabelKeys: [pod-template-hash]
{{- end }}
{{- end }}
{{- end -}}

{{/* The first fields of a container. Takes root. */}}
{{- define "consent-registry.container" -}}
image: {{ include "consent-registry.image" .root | quote }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  runAsNonRoot: true
  capabilities:
    drop: [ALL]
  seccompProfile:
    type: RuntimeDefault
{{- end -}}

{{/* Labels of a pod. Takes root, component and values. */}}
{{- define "consent-registry.podLabels" -}}
{{ include "consent-registry.labels" . }}
{{- with .values.podLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Long enough for the pause before the signal, the drain, and the end of the process. */}}
{{- define "consent-registry.gracePeriod" -}}
{{- add .preStopSeconds .shutdownGraceSeconds 10 -}}
{{- end -}}

{{/* Endpoints learn later of a pod's end than the pod itself: it goes on for a moment. */}}
{{- define "consent-registry.preStop" -}}
lifecycle:
  preStop:
    sleep:
      seconds: {{ .preStopSeconds }}
{{- end -}}

{{- define "consent-registry.tmpVolume" -}}
- name: tmp
  emptyDir:
    medium: Memory
    sizeLimit: 64Mi
{{- end -}}

{{- define "consent-registry.tmpMount" -}}
- name: tmp
  mountPath: /tmp
{{- end -}}

{{/* A volume of one key of a Secret. Takes name, secret, key and file. */}}
{{- define "consent-registry.secretVolume" -}}
- name: {{ .name }}
  secret:
    secretName: {{ .secret | quote }}
    defaultMode: 0440
    items:
      - key: {{ .key | quote }}
        path: {{ .file }}
{{- end -}}

{{/* A volume of a certificate and its key. Takes name and secret. */}}
{{- define "consent-registry.tlsVolume" -}}
- name: {{ .name }}
  secret:
    secretName: {{ .secret | quote }}
    defaultMode: 0440
    items:
      - {key: tls.crt, path: tls.crt}
      - {key: tls.key, path: tls.key}
{{- end -}}

{{/* Takes name; the directory is that of the name. */}}
{{- define "consent-registry.mount" -}}
- name: {{ .name }}
  mountPath: /etc/consent-registry/{{ .name }}
  readOnly: true
{{- end -}}

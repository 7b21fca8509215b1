{{/* The migration's pod, from which its Job has its name. Takes root, component, values and login. */}}
{{- define "consent-registry.migratePod" -}}
metadata:
  labels:
    {{- include "consent-registry.podLabels" . | nindent 4 }}
  {{- with .values.podAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- include "consent-registry.pod" . | nindent 2 }}
  # Failed pods stay until the Job goes, and with them the log that says why.
  restartPolicy: Never
  containers:
    - name: migrate
      {{- include "consent-registry.container" . | nindent 6 }}
      args: [migrate, --wait, {{ .values.waitSeconds | quote }}]
      env:
        {{- include "consent-registry.storageEnv" . | nindent 8 }}
        {{- with .values.extraEnv }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      resources:
        {{- toYaml .values.resources | nindent 8 }}
      volumeMounts:
        {{- include "consent-registry.storageMounts" . | nindent 8 }}
  volumes:
    {{- include "consent-registry.storageVolumes" . | nindent 4 }}
{{- end -}}

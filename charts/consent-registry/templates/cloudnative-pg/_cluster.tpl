{{/* A PostgreSQL cluster of its own operator. Takes root, component, values, identity (database, owner and secret), sql (what
initdb does besides) and roles. */}}
{{- define "consent-registry.cluster" -}}
apiVersion: postgresql.cnpg.io/v1
kind: Cluster
metadata:
  name: {{ include "consent-registry.clusterName" . }}
  labels:
    {{- include "consent-registry.labels" . | nindent 4 }}
  annotations:
    # What was said must outlive an uninstallation by mistake.
    helm.sh/resource-policy: keep
spec:
  instances: {{ .values.instances }}
  {{- with .values.imageName }}
  imageName: {{ . | quote }}
  {{- end }}
  enableSuperuserAccess: false
  primaryUpdateStrategy: unsupervised
  storage:
    size: {{ .values.storage.size | quote }}
    {{- with .values.storage.storageClass }}
    storageClass: {{ . | quote }}
    {{- end }}
  {{- with .values.resources }}
  resources:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  affinity:
    enablePodAntiAffinity: true
    topologyKey: kubernetes.io/hostname
    podAntiAffinityType: {{ .values.podAntiAffinity }}
  postgresql:
    {{- if gt (int .values.instances) 1 }}
    # What was acknowledged is on two instances.
    synchronous:
      method: any
      number: 1
      dataDurability: {{ .values.dataDurability }}
      # Only an instance that surely has what was acknowledged becomes the primary.
      failoverQuorum: true
    {{- end }}
    parameters:
      {{- toYaml .values.parameters | nindent 6 }}
  bootstrap:
    {{- if .values.recovery }}
    # From a backup, of which the roles and grants are part.
    recovery:
      {{- toYaml (mergeOverwrite (deepCopy .identity) .values.recovery) | nindent 6 }}
    {{- else }}
    initdb:
      {{- toYaml .identity | nindent 6 }}
      {{- .sql | nindent 6 }}
    {{- end }}
  {{- with .values.externalClusters }}
  externalClusters:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .roles }}
  managed:
    roles:
      {{- . | nindent 6 }}
  {{- end }}
  {{- with .values.plugins }}
  plugins:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .values.backup }}
  backup:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{/* How base backups of a cluster are made, or nothing where there are none. Takes values. */}}
{{- define "consent-registry.backupMethod" -}}
{{- if .values.backup.volumeSnapshot -}}
volumeSnapshot
{{- else if .values.backup.barmanObjectStore -}}
barmanObjectStore
{{- else if include "consent-registry.backupPlugin" . -}}
plugin
{{- end -}}
{{- end -}}

{{/* The name of the plugin that archives the write-ahead log, and so makes the base backups too. Takes values. */}}
{{- define "consent-registry.backupPlugin" -}}
{{- range .values.plugins -}}
{{- if and .isWALArchiver (ne (toString .enabled) "false") }}{{ .name }}{{ end -}}
{{- end -}}
{{- end -}}

{{/* Without base backups the archived log restores nothing, and nothing of it is ever deleted. Takes root, component and values. */}}
{{- define "consent-registry.scheduledBackup" -}}
{{- $method := include "consent-registry.backupMethod" . -}}
{{- if $method -}}
---
apiVersion: postgresql.cnpg.io/v1
kind: ScheduledBackup
metadata:
  name: {{ include "consent-registry.clusterName" . }}
  labels:
    {{- include "consent-registry.labels" . | nindent 4 }}
  annotations:
    # As long as the cluster outlives an uninstallation, so do its backups.
    helm.sh/resource-policy: keep
spec:
  cluster:
    name: {{ include "consent-registry.clusterName" . }}
  schedule: {{ .values.backupSchedule | quote }}
  immediate: true
  backupOwnerReference: cluster
  method: {{ $method }}
  {{- if eq $method "plugin" }}
  pluginConfiguration:
    name: {{ include "consent-registry.backupPlugin" . | quote }}
  {{- end }}
{{- end -}}
{{- end -}}

{{- define "consent-registry.registrySql" -}}
{{- with .Values.database -}}
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
- name: {{ .user | quote }}
  ensure: present
  comment: the servers of the consent registry
  login: true
  inRoles: [consent_registry_app]
  passwordSecret:
    name: {{ .passwordSecret.name | quote }}
{{- end -}}
{{- end -}}

{{- define "consent-registry.keyStoreSql" -}}
postInitApplicationSQL:
  - REVOKE ALL ON DATABASE {{ .Values.keyStore.name | quote }} FROM PUBLIC
  - REVOKE ALL ON SCHEMA public FROM PUBLIC
{{- end -}}

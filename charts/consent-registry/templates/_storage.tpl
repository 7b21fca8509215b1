{{/* Databases, keys and what reaches them: environment, volumes and mounts of server, migrate and expire. */}}

{{/* The name of a PostgreSQL cluster of the operator. Takes root and values, those of the cluster. */}}
{{- define "consent-registry.clusterName" -}}
{{- printf "%s-%s" (include "consent-registry.fullname" .root) .values.suffix -}}
{{- end -}}

{{/* Host and port of a database. Takes root, values (of the database) and cluster (its values, if it is the operator's). */}}
{{- define "consent-registry.databaseAddress" -}}
{{- if .root.Values.cloudNativePG.enabled -}}
{{ include "consent-registry.clusterName" (dict "root" .root "values" .cluster) }}-rw:5432
{{- else -}}
{{ .values.host }}:{{ .values.port }}
{{- end -}}
{{- end -}}

{{/* The Secret of the authority that signed a database's certificate. Takes root, tls and cluster, its values. */}}
{{- define "consent-registry.databaseCa" -}}
{{- if .tls.caSecret.name -}}
{{ .tls.caSecret.name }}
{{- else if .root.Values.cloudNativePG.enabled -}}
{{ include "consent-registry.clusterName" (dict "root" .root "values" .cluster) }}-ca
{{- end -}}
{{- end -}}

{{/* A URL without a password. Takes user, address, name, mode and ca, the path of the authority or nothing. */}}
{{- define "consent-registry.databaseUrl" -}}
postgresql://{{ .user }}@{{ .address }}/{{ .name }}?sslmode={{ .mode }}{{ with .ca }}&sslrootcert={{ . }}{{ end }}
{{- end -}}

{{/* Takes root and login, a login of the registry database. */}}
{{- define "consent-registry.storageEnv" -}}
{{- $values := .root.Values -}}
{{- $databaseCa := include "consent-registry.databaseCa" (dict "root" .root "tls" $values.database.tls "cluster" $values.cloudNativePG.registry) -}}
{{- $keyStoreCa := include "consent-registry.databaseCa" (dict "root" .root "tls" $values.keyStore.tls "cluster" $values.cloudNativePG.keyStore) -}}
- name: CONSENT_REGISTRY_DATABASE_URL
  value: {{ include "consent-registry.databaseUrl" (dict
      "user" .login.user
      "address" (include "consent-registry.databaseAddress" (dict "root" .root "values" $values.database "cluster" $values.cloudNativePG.registry))
      "name" $values.database.name
      "mode" $values.database.tls.mode
      "ca" (ternary "/etc/consent-registry/database-ca/ca.crt" "" (ne $databaseCa ""))
    ) | quote }}
- name: CONSENT_REGISTRY_DATABASE_PASSWORD_FILE
  value: /etc/consent-registry/database/password
- name: CONSENT_REGISTRY_KEY_STORE_URL
  value: {{ include "consent-registry.databaseUrl" (dict
      "user" $values.keyStore.user
      "address" (include "consent-registry.databaseAddress" (dict "root" .root "values" $values.keyStore "cluster" $values.cloudNativePG.keyStore))
      "name" $values.keyStore.name
      "mode" $values.keyStore.tls.mode
      "ca" (ternary "/etc/consent-registry/key-store-ca/ca.crt" "" (ne $keyStoreCa ""))
    ) | quote }}
- name: CONSENT_REGISTRY_KEY_STORE_PASSWORD_FILE
  value: /etc/consent-registry/key-store/password
- name: CONSENT_REGISTRY_KEYRING_FILE
  value: /etc/consent-registry/keyring/keyring.json
- name: CONSENT_REGISTRY_LOG_LEVEL
  value: {{ $values.log.level }}
{{- end -}}

{{/* Takes root and login. */}}
{{- define "consent-registry.storageVolumes" -}}
{{- $values := .root.Values -}}
{{ include "consent-registry.tmpVolume" . }}
{{ include "consent-registry.secretVolume" (dict "name" "database" "secret" .login.passwordSecret.name "key" .login.passwordSecret.key "file" "password") }}
{{ include "consent-registry.secretVolume" (dict "name" "key-store" "secret" $values.keyStore.passwordSecret.name "key" $values.keyStore.passwordSecret.key "file" "password") }}
{{ include "consent-registry.secretVolume" (dict "name" "keyring" "secret" $values.keys.keyringSecret.name "key" $values.keys.keyringSecret.key "file" "keyring.json") }}
{{- with include "consent-registry.databaseCa" (dict "root" .root "tls" $values.database.tls "cluster" $values.cloudNativePG.registry) }}
{{ include "consent-registry.secretVolume" (dict "name" "database-ca" "secret" . "key" $values.database.tls.caSecret.key "file" "ca.crt") }}
{{- end }}
{{- with include "consent-registry.databaseCa" (dict "root" .root "tls" $values.keyStore.tls "cluster" $values.cloudNativePG.keyStore) }}
{{ include "consent-registry.secretVolume" (dict "name" "key-store-ca" "secret" . "key" $values.keyStore.tls.caSecret.key "file" "ca.crt") }}
{{- end }}
{{- end -}}

{{/* Takes root. */}}
{{- define "consent-registry.storageMounts" -}}
{{- $values := .root.Values -}}
{{ include "consent-registry.tmpMount" . }}
{{- range list "database" "key-store" "keyring" }}
{{ include "consent-registry.mount" (dict "name" .) }}
{{- end }}
{{- if include "consent-registry.databaseCa" (dict "root" .root "tls" $values.database.tls "cluster" $values.cloudNativePG.registry) }}
{{ include "consent-registry.mount" (dict "name" "database-ca") }}
{{- end }}
{{- if include "consent-registry.databaseCa" (dict "root" .root "tls" $values.keyStore.tls "cluster" $values.cloudNativePG.keyStore) }}
{{ include "consent-registry.mount" (dict "name" "key-store-ca") }}
{{- end }}
{{- end -}}

{{/* The policy's files: server and expire read the same. Takes root. */}}
{{- define "consent-registry.policyEnv" -}}
{{- with .root.Values.server.policyConfigMap.name }}
- name: CONSENT_REGISTRY_POLICY_DIR
  value: /etc/consent-registry/policy
{{- end }}
{{- with .root.Values.server.companyPolicyConfigMap.name }}
- name: CONSENT_REGISTRY_COMPANY_POLICY_FILE
  value: /etc/consent-registry/company-policy/company.yaml
{{- end }}
{{- end -}}

{{- define "consent-registry.policyVolumes" -}}
{{- with .root.Values.server.policyConfigMap.name }}
- name: policy
  configMap:
    name: {{ . | quote }}
{{- end }}
{{- with .root.Values.server.companyPolicyConfigMap }}
{{- if .name }}
- name: company-policy
  configMap:
    name: {{ .name | quote }}
    items:
      - key: {{ .key | quote }}
        path: company.yaml
{{- end }}
{{- end }}
{{- end -}}

{{- define "consent-registry.policyMounts" -}}
{{- if .root.Values.server.policyConfigMap.name }}
{{ include "consent-registry.mount" (dict "name" "policy") }}
{{- end }}
{{- if .root.Values.server.companyPolicyConfigMap.name }}
{{ include "consent-registry.mount" (dict "name" "company-policy") }}
{{- end }}
{{- end -}}

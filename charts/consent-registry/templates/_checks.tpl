{{/* What the schema of the values cannot tell. */}}
{{- define "consent-registry.checks" -}}
{{- if not (regexMatch "^[a-z]" (include "consent-registry.fullname" .)) -}}
{{- fail "fullnameOverride: is needed, for a Service's name begins with a letter, which the release's does not" -}}
{{- end -}}
{{- with .Values -}}
{{- if and (not .cloudNativePG.enabled) (not .database.host) -}}
{{- fail "database.host: name the PostgreSQL server of the registry, or enable cloudNativePG" -}}
{{- end -}}
{{- if and (not .cloudNativePG.enabled) (not .keyStore.host) -}}
{{- fail "keyStore.host: name the PostgreSQL server of the key store, or enable cloudNativePG" -}}
{{- end -}}
{{- if and (not .cloudNativePG.enabled) (eq .database.host .keyStore.host) (eq (int .database.port) (int .keyStore.port)) -}}
{{- fail "keyStore.host: must be another PostgreSQL server than database.host: in its backups the keys could never be destroyed" -}}
{{- end -}}
{{- $cluster := .cloudNativePG.enabled -}}
{{- range $name, $tls := dict "database" .database.tls "keyStore" .keyStore.tls -}}
{{- if and (hasPrefix "verify" $tls.mode) (not $tls.caSecret.name) (not $cluster) -}}
{{- fail (printf "%s.tls.caSecret.name: name the Secret of the authority, without which %s.tls.mode %s lets no connection through" $name $name $tls.mode) -}}
{{- end -}}
{{- end -}}
{{- if eq .database.server.user .database.owner.user -}}
{{- fail "database.server.user: must not be database.owner.user, who can take the guards from the ledger" -}}
{{- end -}}
{{- if eq (toJson .database.server.passwordSecret) (toJson .database.owner.passwordSecret) -}}
{{- fail "database.server.passwordSecret: must not be database.owner.passwordSecret, which servers must not read" -}}
{{- end -}}
{{- if and .server.autoscaling.enabled (gt (int .server.autoscaling.minReplicas) (int .server.autoscaling.maxReplicas)) -}}
{{- fail "server.autoscaling.maxReplicas: must not be less than server.autoscaling.minReplicas" -}}
{{- end -}}
{{- if and .server.autoscaling.enabled (eq (int .server.replicas) 0) -}}
{{- fail "server.autoscaling.enabled: would start the servers that server.replicas 0 keeps stopped" -}}
{{- end -}}
{{- if and .web.autoscaling.enabled (gt (int .web.autoscaling.minReplicas) (int .web.autoscaling.maxReplicas)) -}}
{{- fail "web.autoscaling.maxReplicas: must not be less than web.autoscaling.minReplicas" -}}
{{- end -}}
{{- if and .web.enabled (not .web.apiKeySecret.name) -}}
{{- fail "web.apiKeySecret.name: the unsubscribe pages need an API key for the UnsubscribeService" -}}
{{- end -}}
{{- if and .server.clientCaSecret.name .web.enabled (not .web.registryClientTlsSecret.name) -}}
{{- fail "web.registryClientTlsSecret.name: servers with server.clientCaSecret let nobody in without a certificate, the unsubscribe pages included" -}}
{{- end -}}
{{- range $name, $part := dict "server" .server "web" .web -}}
{{- if and $part.autoscaling.enabled (not (dig "requests" "cpu" "" $part.resources)) -}}
{{- fail (printf "%s.resources.requests.cpu: is what %s.autoscaling reckons with" $name $name) -}}
{{- end -}}
{{- end -}}
{{- with .metrics.serviceMonitor -}}
{{- if gt (include "consent-registry.seconds" .scrapeTimeout | int) (include "consent-registry.seconds" .interval | int) -}}
{{- fail "metrics.serviceMonitor.scrapeTimeout: must not be more than metrics.serviceMonitor.interval" -}}
{{- end -}}
{{- end -}}
{{- if and .web.ingress.enabled (not .web.enabled) -}}
{{- fail "web.ingress.enabled: there is nothing to lead to while web.enabled is false" -}}
{{- end -}}
{{- if ge (int .server.maxConcurrentStreams) (int .server.workerThreads) -}}
{{- fail "server.maxConcurrentStreams: must be less than server.workerThreads, so that streams leave threads to questions" -}}
{{- end -}}
{{- if ge (int .migrate.waitSeconds) (int .migrate.activeDeadlineSeconds) -}}
{{- fail "migrate.activeDeadlineSeconds: must be more than migrate.waitSeconds" -}}
{{- end -}}
{{- if and .export.enabled (not .export.claim) -}}
{{- fail "export.claim: name the PersistentVolumeClaim of the log, which must outlive the pod" -}}
{{- end -}}
{{- if and .externalSecrets.enabled (not .externalSecrets.secrets) -}}
{{- fail "externalSecrets.secrets: name what is to be made, or leave externalSecrets.enabled false" -}}
{{- end -}}
{{- if and .metrics.serviceMonitor.enabled .networkPolicy.enabled (not .networkPolicy.prometheus) -}}
{{- fail "networkPolicy.prometheus: name who scrapes, or metrics.serviceMonitor.enabled leads to nothing" -}}
{{- end -}}
{{- if and .web.ingress.enabled .networkPolicy.enabled (not .networkPolicy.ingressController) -}}
{{- fail "networkPolicy.ingressController: name where its pods are, or web.ingress.enabled leads to nothing" -}}
{{- end -}}
{{- with .cloudNativePG -}}
{{- if and .enabled (eq .registry.suffix .keyStore.suffix) -}}
{{- fail "cloudNativePG.keyStore.suffix: must be another than cloudNativePG.registry.suffix" -}}
{{- end -}}
{{- range $name, $cluster := dict "registry" .registry "keyStore" .keyStore -}}
{{- $sources := list -}}
{{- range $cluster.externalClusters -}}{{- $sources = append $sources .name -}}{{- end -}}
{{- if and $cluster.recovery.source (not (has $cluster.recovery.source $sources)) -}}
{{- fail (printf "cloudNativePG.%s.recovery.source: is not the name of one of cloudNativePG.%s.externalClusters" $name $name) -}}
{{- end -}}
{{- end -}}
{{- $places := include "consent-registry.backupPlaces" .registry | fromJsonArray -}}
{{- range include "consent-registry.backupPlaces" .keyStore | fromJsonArray -}}
{{- if has . $places -}}
{{- fail (printf "cloudNativePG.keyStore: its backups must be in another place than the registry's, not both in %s" .) -}}
{{- end -}}
{{- end -}}
{{- if .keyStore.backup.volumeSnapshot -}}
{{- fail "cloudNativePG.keyStore.backup.volumeSnapshot: snapshots are kept until somebody deletes them, and destroyed keys with them" -}}
{{- end -}}
{{- with .keyStore.backup -}}
{{- if and .barmanObjectStore (not (regexMatch "^(([1-9]|[12][0-9]|3[0-5])d|[1-5]w|1m)$" (.retentionPolicy | default "" | toString))) -}}
{{- fail "cloudNativePG.keyStore.backup.retentionPolicy: is needed, and 35d at most: so long do destroyed keys live in backups" -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and .server.unsubscribe.mailto (not .server.unsubscribe.url) -}}
{{- fail "server.unsubscribe.url: is needed with server.unsubscribe.mailto" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Of a duration in seconds or minutes, such as 30s. */}}
{{- define "consent-registry.seconds" -}}
{{- $number := regexFind "^[0-9]+" . | int -}}
{{- ternary (mul 60 $number) $number (hasSuffix "m" .) -}}
{{- end -}}

{{/* Where backups of a cluster lie, as a JSON list. Takes the values of the cluster. */}}
{{- define "consent-registry.backupPlaces" -}}
{{- $places := list -}}
{{- with .backup.barmanObjectStore -}}
{{- $places = append $places (.destinationPath | default "" | trimSuffix "/") -}}
{{- end -}}
{{- range .plugins -}}
{{- with (.parameters | default dict).barmanObjectName -}}{{- $places = append $places . -}}{{- end -}}
{{- end -}}
{{- $places | toJson -}}
{{- end -}}

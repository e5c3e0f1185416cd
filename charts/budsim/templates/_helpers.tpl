{{/* Lay the values under a top-level `budsim:` over the chart's own. Every template starts with it. */}}
{{- define "budsim.init" -}}
{{- with .Values.budsim -}}
{{- $_ := mergeOverwrite $.Values (deepCopy .) -}}
{{- end -}}
{{- $single := and (not .Values.autoscaling.enabled) (le (int .Values.replicas) 1) -}}
{{- if and (not (include "budsim.externalDatabase" .)) (not $single) -}}
{{- fail "More than one replica needs a common PostgreSQL: set database.existingSecret or database.url." -}}
{{- end -}}
{{- end -}}

{{- define "budsim.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "budsim.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains (include "budsim.name" .) .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "budsim.name" .) | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "budsim.selectorLabels" -}}
app.kubernetes.io/name: {{ include "budsim.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "budsim.labels" -}}
{{ include "budsim.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "budsim.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "budsim.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "budsim.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{/* "true", or nothing: the embedded PostgreSQL serves. */}}
{{- define "budsim.externalDatabase" -}}
{{- if or .Values.database.existingSecret .Values.database.url -}}true{{- end -}}
{{- end -}}

{{- define "budsim.databaseSecret" -}}
{{- default (printf "%s-database" (include "budsim.fullname" .)) .Values.database.existingSecret -}}
{{- end -}}

{{- define "budsim.databaseSecretKey" -}}
{{- ternary .Values.database.existingSecretKey "DATABASE_URL" (ne .Values.database.existingSecret "") -}}
{{- end -}}

{{- define "budsim.tokenSecret" -}}
{{- default (printf "%s-token" (include "budsim.fullname" .)) .Values.auth.existingSecret -}}
{{- end -}}

{{- define "budsim.redisSecret" -}}
{{- default (printf "%s-redis" (include "budsim.fullname" .)) .Values.redis.existingSecret -}}
{{- end -}}

{{- define "budsim.redisSecretKey" -}}
{{- ternary .Values.redis.existingSecretKey "redis-password" (ne .Values.redis.existingSecret "") -}}
{{- end -}}

{{/* "true" when this chart makes the Dapr components. */}}
{{- define "budsim.makesComponents" -}}
{{- if and .Values.dapr.enabled .Values.dapr.components.create .Values.redis.address -}}true{{- end -}}
{{- end -}}

{{- define "budsim.workflowEngine" -}}
{{- if not .Values.dapr.enabled -}}
embedded
{{- else if ne .Values.dapr.workflowEngine "auto" -}}
{{- .Values.dapr.workflowEngine -}}
{{- else -}}
{{- ternary "dapr" "embedded" (eq (include "budsim.makesComponents" .) "true") -}}
{{- end -}}
{{- end -}}

{{/* Name of a component: include "budsim.component" (list . "pubsub") */}}
{{- define "budsim.component" -}}
{{- $root := index . 0 -}}
{{- $kind := index . 1 -}}
{{- default (printf "%s-%s" $root.Release.Name $kind) (get $root.Values.dapr.components $kind) -}}
{{- end -}}

{{- define "budsim.redisMetadata" -}}
- name: redisHost
  value: {{ .Values.redis.address | quote }}
{{- if or .Values.redis.existingSecret .Values.redis.password }}
- name: redisPassword
  secretKeyRef:
    name: {{ include "budsim.redisSecret" . }}
    key: {{ include "budsim.redisSecretKey" . }}
{{- end }}
{{- if .Values.redis.enableTLS }}
- name: enableTLS
  value: "true"
{{- end }}
{{- end -}}

{{- define "budsim.claimName" -}}
{{- default (printf "%s-data" (include "budsim.fullname" .)) .Values.ml.persistence.existingClaim -}}
{{- end -}}

// The figures of all chains, as Prometheus reads them. docs/grafana-dashboard.json shows them.

const { PrometheusExporter } = require('@opentelemetry/exporter-prometheus')
const { MeterProvider } = require('@opentelemetry/sdk-metrics')
const { conflictMetrics } = require('express-conflict/metrics')

const exporter = new PrometheusExporter({ preventServerStart: true })
const provider = new MeterProvider({ readers: [exporter] })
conflictMetrics({ meter: provider.getMeter('newsroom') })

const showMetrics = (req, res) => exporter.getMetricsRequestHandler(req, res)

module.exports = { showMetrics }

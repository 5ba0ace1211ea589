using FluentAssertions;
using NUnit.Framework;
using Serving.Observability.Telemetry;

namespace Serving.Tests.Observability;

public sealed class CollectorEndpointTests
{
    [TestCase("http/protobuf", "http://collector:4318", "http://collector:4318/v1/traces", TestName = "A base gets the path of the signal")]
    [TestCase("http/protobuf", "https://c:4318/own/path", "https://c:4318/own/path", TestName = "A path stays")]
    [TestCase("http/protobuf", "http://collector:4318/", "http://collector:4318/", TestName = "The root is a path")]
    [TestCase("http/protobuf", "collector:4318", "https://collector:4318/v1/traces", TestName = "Without a scheme it is HTTPS")]
    [TestCase("grpc", "collector:4317", "https://collector:4317/", TestName = "Without a scheme gRPC has TLS")]
    [TestCase("grpc", "http://collector:4317/v1/traces", "http://collector:4317/", TestName = "gRPC has no path")]
    public void Means_what_it_does_in_Knative(string protocol, string configured, string expected) =>
        CollectorEndpoint.Of(ExportSignal.Traces, protocol, configured, static _ => null).AbsoluteUri.Should().Be(expected);

    [TestCase("http/protobuf", "http://common:4318", "", "http://common:4318/v1/metrics")]
    [TestCase("http/protobuf", "http://common:4318/base/", "", "http://common:4318/base/v1/metrics")]
    [TestCase("http/protobuf", "http://common:4318", "http://own:1/x", "http://own:1/x")]
    [TestCase("http/protobuf", "", "http://own:1", "http://own:1/")]
    [TestCase("grpc", "http://common:4317", "", "http://common:4317/")]
    public void Variables_override_it(string protocol, string common, string own, string expected) =>
        CollectorEndpoint
            .Of(
                ExportSignal.Metrics,
                protocol,
                "http://configured:1/v1/metrics",
                name =>
                    name switch
                    {
                        "OTEL_EXPORTER_OTLP_ENDPOINT" => common,
                        "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT" => own,
                        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT" => "http://other:1",
                        _ => null,
                    }
            )
            .AbsoluteUri.Should()
            .Be(expected);
}

using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using Google.Protobuf;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Serving.Tests.Observability.Otlp;

/// <summary>A collector: receives traces, metrics and logs by OTLP over HTTP and over gRPC, on a port each, and keeps them.</summary>
internal sealed class OtlpReceiver : IAsyncDisposable
{
    private readonly WebApplication _application;
    private readonly ConcurrentQueue<ReceivedSpan> _spans = new();
    private readonly ConcurrentQueue<ReceivedLog> _logs = new();
    private readonly ConcurrentQueue<ReceivedMetric> _metrics = new();

    private OtlpReceiver()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddGrpc();
        builder.Services.AddSingleton(this);
        builder.WebHost.ConfigureKestrel(static kestrel =>
        {
            kestrel.Listen(IPAddress.Loopback, 0, static http => http.Protocols = HttpProtocols.Http1);
            kestrel.Listen(IPAddress.Loopback, 0, static grpc => grpc.Protocols = HttpProtocols.Http2);
        });
        _application = builder.Build();
        _application.MapGrpcService<Traces>();
        _application.MapGrpcService<Logs>();
        _application.MapGrpcService<Metrics>();
        _application.MapPost("/v1/traces", context => ReceiveAsync(context, ExportTraceServiceRequest.Parser, Keep));
        _application.MapPost("/v1/metrics", context => ReceiveAsync(context, ExportMetricsServiceRequest.Parser, Keep));
        _application.MapPost("/v1/logs", context => ReceiveAsync(context, ExportLogsServiceRequest.Parser, Keep));
    }

    /// <summary>Everything received so far.</summary>
    public IReadOnlyCollection<ReceivedSpan> Spans => _spans;

    /// <summary>Everything received so far.</summary>
    public IReadOnlyCollection<ReceivedLog> Records => _logs;

    /// <summary>Every point of every push so far.</summary>
    public IReadOnlyCollection<ReceivedMetric> Received => _metrics;

    public static async Task<OtlpReceiver> StartAsync()
    {
        var receiver = new OtlpReceiver();
        await receiver._application.StartAsync();
        return receiver;
    }

    /// <summary>The endpoint for a protocol and a signal, as in config-observability.</summary>
    /// <param name="protocol"><c>grpc</c> or <c>http/protobuf</c>.</param>
    /// <param name="signal"><c>traces</c>, <c>metrics</c> or <c>logs</c>.</param>
    public string Endpoint(string protocol, string signal)
    {
        var addresses = _application.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.ToList();
        return protocol == "grpc" ? addresses[1] : $"{addresses[0]}/v1/{signal}";
    }

    public ValueTask DisposeAsync() => _application.DisposeAsync();

    internal static Dictionary<string, string> TextOf(IEnumerable<KeyValue> attributes) =>
        attributes
            .GroupBy(static one => one.Key)
            .ToDictionary(static same => same.Key, static same => TextOf(same.Last().Value), StringComparer.Ordinal);

    private static string TextOf(AnyValue value) =>
        value.ValueCase switch
        {
            AnyValue.ValueOneofCase.StringValue => value.StringValue,
            AnyValue.ValueOneofCase.BoolValue => value.BoolValue ? "true" : "false",
            AnyValue.ValueOneofCase.IntValue => value.IntValue.ToString(CultureInfo.InvariantCulture),
            AnyValue.ValueOneofCase.DoubleValue => value.DoubleValue.ToString(CultureInfo.InvariantCulture),
            _ => "",
        };

    private static async Task ReceiveAsync<T>(HttpContext context, MessageParser<T> parser, Action<T> keep)
        where T : IMessage<T>
    {
        using var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body);
        keep(parser.ParseFrom(body.ToArray()));
        context.Response.ContentType = "application/x-protobuf";
    }

    private static string ServiceOf(Resource resource) => TextOf(resource.Attributes).GetValueOrDefault("service.name", "");

    private void Keep(ExportTraceServiceRequest request)
    {
        foreach (var sender in request.ResourceSpans)
        {
            foreach (var scope in sender.ScopeSpans)
            {
                foreach (var span in scope.Spans)
                    _spans.Enqueue(new ReceivedSpan(ServiceOf(sender.Resource), scope.Scope?.Name ?? "", span));
            }
        }
    }

    private void Keep(ExportLogsServiceRequest request)
    {
        foreach (var sender in request.ResourceLogs)
        {
            foreach (var scope in sender.ScopeLogs)
            {
                foreach (var record in scope.LogRecords)
                    _logs.Enqueue(new ReceivedLog(ServiceOf(sender.Resource), scope.Scope?.Name ?? "", record));
            }
        }
    }

    private void Keep(ExportMetricsServiceRequest request)
    {
        foreach (var sender in request.ResourceMetrics)
        {
            foreach (var scope in sender.ScopeMetrics)
            {
                foreach (var metric in scope.Metrics)
                {
                    foreach (var point in (metric.Gauge ?? metric.Sum)?.DataPoints ?? [])
                        Add(metric, point.StartTimeUnixNano, point.Attributes, point.Exemplars);
                    foreach (var point in metric.Histogram?.DataPoints ?? [])
                        Add(metric, point.StartTimeUnixNano, point.Attributes, point.Exemplars);
                }

                void Add(Metric metric, ulong start, IEnumerable<KeyValue> attributes, IEnumerable<Exemplar> exemplars) =>
                    _metrics.Enqueue(
                        new ReceivedMetric(
                            TextOf(sender.Resource.Attributes),
                            scope.Scope?.Name ?? "",
                            metric.Name,
                            start,
                            TextOf(attributes),
                            [.. exemplars.Select(static one => Convert.ToHexStringLower(one.TraceId.Span))]
                        )
                    );
            }
        }
    }

    private sealed class Metrics(OtlpReceiver receiver) : MetricsService.MetricsServiceBase
    {
        public override Task<ExportMetricsServiceResponse> Export(ExportMetricsServiceRequest request, ServerCallContext context)
        {
            receiver.Keep(request);
            return Task.FromResult(new ExportMetricsServiceResponse());
        }
    }

    private sealed class Traces(OtlpReceiver receiver) : TraceService.TraceServiceBase
    {
        public override Task<ExportTraceServiceResponse> Export(ExportTraceServiceRequest request, ServerCallContext context)
        {
            receiver.Keep(request);
            return Task.FromResult(new ExportTraceServiceResponse());
        }
    }

    private sealed class Logs(OtlpReceiver receiver) : LogsService.LogsServiceBase
    {
        public override Task<ExportLogsServiceResponse> Export(ExportLogsServiceRequest request, ServerCallContext context)
        {
            receiver.Keep(request);
            return Task.FromResult(new ExportLogsServiceResponse());
        }
    }
}

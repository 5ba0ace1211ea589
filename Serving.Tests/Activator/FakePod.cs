using Microsoft.AspNetCore.Http;
using Serving.Api.Core;
using Serving.Dataplane;
using Serving.Tests.Dataplane;

namespace Serving.Tests.Activator;

/// <summary>The queue-proxy of a pod: responds to probes and requests, and counts them.</summary>
internal sealed class FakePod : IAsyncDisposable
{
    private readonly TestServer _server;
    private int _requests;

    private FakePod(TestServer server) => _server = server;

    public int Requests => _requests;

    public bool Ready { get; set; } = true;

    public int Port => _server.EndPoint.Port;

    public static async Task<FakePod> StartAsync(RequestDelegate? handler = null)
    {
        FakePod? pod = null;
        var server = await TestServer.StartAsync(context =>
        {
            if (context.Request.Headers[DataplaneHeaders.Probe] != DataplaneHeaders.QueueName)
            {
                Interlocked.Increment(ref pod!._requests);
                return handler?.Invoke(context) ?? context.Response.WriteAsync("hello");
            }

            if (pod!.Ready)
                return context.Response.WriteAsync("queue");
            context.Response.StatusCode = 503;
            return Task.CompletedTask;
        });
        return pod = new FakePod(server);
    }

    /// <summary>The pod object.</summary>
    public Pod Object(string name, bool ready = false) => Object(name, Port, ready);

    public static Pod Object(string name, int port, bool ready = false) =>
        new()
        {
            Metadata = new()
            {
                Namespace = "ns",
                Name = name,
                Uid = "uid-" + name,
                Labels = new Dictionary<string, string> { ["serving.knative.dev/revision"] = "rev" },
            },
            Spec = new() { Containers = [new() { Name = "queue-proxy", Ports = [new() { Name = "queue-port", Number = port }] }] },
            Status = new()
            {
                Phase = "Running",
                PodIP = "127.0.0.1",
                Conditions = [new() { Type = "Ready", Status = ready ? "True" : "False" }],
            },
        };

    public ValueTask DisposeAsync() => _server.DisposeAsync();
}

using System.Net;
using System.Net.Sockets;
using System.Text;
using FluentAssertions;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Autoscaler.Reconcilers;
using Serving.Tests.Support;

namespace Serving.Tests.Autoscaler;

[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class ActivatorProbeTests
{
    private const string Activator = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\nactivator";
    private const string QueueProxy = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nqueue";
    private const string Mesh = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    private const string Reset = "";

    [TestCase(MeshCompatibilityMode.Disabled, Activator, Activator, true, 0)]
    [TestCase(MeshCompatibilityMode.Disabled, Mesh, Activator, false, 0)]
    [TestCase(MeshCompatibilityMode.Enabled, Mesh, Activator, true, 1)]
    [TestCase(MeshCompatibilityMode.Enabled, Mesh, QueueProxy, false, 1)]
    [TestCase(MeshCompatibilityMode.Auto, Activator, Activator, true, 0)]
    [TestCase(MeshCompatibilityMode.Auto, QueueProxy, Activator, false, 0)]
    [TestCase(MeshCompatibilityMode.Auto, Mesh, Activator, true, 1)]
    [TestCase(MeshCompatibilityMode.Auto, Reset, Activator, true, 1)]
    [TestCase(MeshCompatibilityMode.Auto, Mesh, QueueProxy, false, 1)]
    public async Task Asks_the_Service_where_a_mesh_lets_nobody_through_to_addresses(
        MeshCompatibilityMode mode,
        string atAddress,
        string atService,
        bool inPath,
        int askedService
    )
    {
        await using var address = new Answering(atAddress);
        await using var service = new Answering(atService);
        var cluster = new InMemoryCluster();
        cluster.Put(
            Resources.Endpoints,
            new Endpoints
            {
                Metadata = new ObjectMeta { Namespace = "ns", Name = "rev" },
                Subsets =
                [
                    new EndpointSubset
                    {
                        Addresses = [new EndpointAddress { Ip = "127.0.0.1" }],
                        Ports = [new EndpointPort { Name = "http", Port = address.Port }],
                    },
                ],
            }
        );
        var asked = new List<string>();
        var probe = new ActivatorProbe(
            cluster.For(Resources.Endpoints).Lister,
            () => new NetworkConfig { MeshCompatibilityMode = mode },
            NullLogger.Instance,
            (ns, name, port) =>
            {
                asked.Add($"{ns}/{name}:{port}");
                return ("127.0.0.1", service.Port);
            }
        );

        (await probe.IsInPathAsync("ns", "rev", default)).Should().Be(inPath);
        asked.Should().Equal(Enumerable.Repeat("ns/rev:80", askedService));
    }

    private sealed class Answering : IAsyncDisposable
    {
        private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
        private readonly Task _serving;

        public Answering(string answer)
        {
            _listener.Start();
            _serving = ServeAsync(answer);
        }

        public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

        public async ValueTask DisposeAsync()
        {
            _listener.Stop();
            await _serving;
        }

        private async Task ServeAsync(string answer)
        {
            try
            {
                while (true)
                {
                    using var client = await _listener.AcceptTcpClientAsync();
                    var buffer = new byte[4096];
                    _ = await client.GetStream().ReadAsync(buffer);
                    await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(answer));
                }
            }
            catch (Exception stopped)
                when (stopped is SocketException or ObjectDisposedException or IOException or InvalidOperationException)
            {
                // The listener was closed.
            }
        }
    }
}

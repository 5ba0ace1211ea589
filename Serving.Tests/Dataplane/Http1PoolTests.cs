using System.Net;
using System.Net.Sockets;
using FluentAssertions;
using NUnit.Framework;
using Serving.Dataplane.Upstreams.Http1;

namespace Serving.Tests.Dataplane;

public sealed class Http1PoolTests
{
    [Test]
    public async Task Keeps_no_more_connections_than_it_may()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var pool = new Http1Pool(most: 2);
        var connections = new List<Http1Connection>();
        for (var i = 0; i < 3; i++)
        {
            var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
            await socket.ConnectAsync(listener.LocalEndpoint);
            connections.Add(new Http1Connection(socket));
        }

        connections.Select(pool.TryKeep).Should().Equal(true, true, false);
        pool.Take().Should().BeSameAs(connections[1]);
        pool.TryKeep(connections[2]).Should().BeTrue();
        foreach (var connection in connections)
            connection.Dispose();
    }
}

using System.Net;
using System.Net.Sockets;
using Serving.Api;
using Serving.Kubernetes.Client;

namespace Serving.Tests.Cluster.Deployed;

/// <summary>
/// A load balancer for a Service: forwards each new connection to one of the ready endpoints, round-robin, and to another one when that
/// one does not accept it. Open connections stay on their endpoint. As on the wire, an end stays an end and a reset a reset, each way for
/// itself.
/// </summary>
internal sealed class ServiceBalancer : IAsyncDisposable
{
    private static readonly TimeSpan LookAgain = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan ConnectLimit = TimeSpan.FromSeconds(1);

    private readonly CancellationTokenSource _stop = new();
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly IKubernetesClient _client;
    private readonly string _ns;
    private readonly string _service;
    private readonly string _port;
    private readonly Task _running;
    private volatile IPEndPoint[] _endpoints = [];
    private int _next;

    /// <param name="client">The client to read the endpoints.</param>
    /// <param name="ns">The Service's namespace.</param>
    /// <param name="service">The Service.</param>
    /// <param name="port">The name of the balanced port.</param>
    public ServiceBalancer(IKubernetesClient client, string ns, string service, string port = "http2")
    {
        _port = port;
        _client = client;
        _ns = ns;
        _service = service;
        _listener.Start();
        _running = Task.WhenAll(FollowAsync(), AcceptAsync());
    }

    /// <summary>Its address.</summary>
    public Uri Address => new($"http://{_listener.LocalEndpoint}");

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        await _running;
        _stop.Dispose();
    }

    private async Task FollowAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                var found = await _client.GetAsync(Resources.Endpoints, _ns, _service, _stop.Token);
                _endpoints =
                [
                    .. from subset in found.Subsets
                    from named in subset.Ports
                    where named.Name == _port
                    from address in subset.Addresses
                    select new IPEndPoint(IPAddress.Parse(address.Ip), named.Port!.Value),
                ];
                await Task.Delay(LookAgain, _stop.Token);
            }
            catch (KubernetesException)
            {
                // The endpoints do not exist yet, or the API is busy: keep the known ones, as a load balancer does.
                await Task.Delay(LookAgain, CancellationToken.None);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    private async Task AcceptAsync()
    {
        while (true)
        {
            try
            {
                _ = PassAsync(await _listener.AcceptSocketAsync(_stop.Token));
            }
            catch (Exception over) when (over is OperationCanceledException or SocketException or ObjectDisposedException)
            {
                return;
            }
        }
    }

    private async Task PassAsync(Socket from)
    {
        using (from)
        {
            using var to = await ConnectAsync();
            if (to is null)
            {
                return;
            }

            from.NoDelay = true;
            var request = CopyAsync(from, to);
            var response = CopyAsync(to, from);
            await Task.WhenAll(request, response);
        }
    }

    /// <summary>Copies one way until its end; a reset of either side resets both.</summary>
    private async Task CopyAsync(Socket from, Socket to)
    {
        var buffer = new byte[16 * 1024];
        try
        {
            for (int read; (read = await from.ReceiveAsync(buffer, _stop.Token)) > 0; )
            {
                for (var sent = 0; sent < read; )
                    sent += await to.SendAsync(buffer.AsMemory(sent, read - sent), _stop.Token);
            }

            to.Shutdown(SocketShutdown.Send);
        }
        catch (Exception over) when (over is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            Reset(from);
            Reset(to);
        }
    }

    private static void Reset(Socket socket)
    {
        if (!socket.SafeHandle.IsClosed)
            socket.LingerState = new LingerOption(enable: true, seconds: 0);
        socket.Dispose();
    }

    private async Task<Socket?> ConnectAsync()
    {
        var known = _endpoints;
        for (var tried = 0; tried < known.Length; tried++)
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
            limit.CancelAfter(ConnectLimit);
            try
            {
                await socket.ConnectAsync(known[(uint)Interlocked.Increment(ref _next) % known.Length], limit.Token);
                return socket;
            }
            catch (Exception away) when (away is SocketException or OperationCanceledException)
            {
                socket.Dispose();
            }
        }

        return null;
    }
}

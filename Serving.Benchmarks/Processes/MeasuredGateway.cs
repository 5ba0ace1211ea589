using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;

namespace Serving.Benchmarks.Processes;

/// <summary>A gateway with HTTPS, in a process of its own, that serves the Ingresses of a cluster. Dispose stops it.</summary>
internal sealed class MeasuredGateway : IAsyncDisposable
{
    private static readonly TimeSpan ResponseLimit = TimeSpan.FromMinutes(1);

    private readonly LocalProcess _process;

    private MeasuredGateway(LocalProcess process, IPEndPoint http, IPEndPoint https) => (_process, Http, Https) = (process, http, https);

    /// <summary>Its external listener.</summary>
    public IPEndPoint Http { get; }

    /// <summary>Its HTTPS listener.</summary>
    public IPEndPoint Https { get; }

    /// <summary>The CPU time that it has used.</summary>
    public TimeSpan Cpu => _process.Cpu;

    /// <summary>Its resident memory in MiB.</summary>
    public double ResidentMebibytes => _process.ResidentMebibytes;

    /// <summary>Starts it.</summary>
    /// <param name="program">The path of Serving.Host.dll.</param>
    /// <param name="kubeconfig">The cluster, as its administrator.</param>
    public static MeasuredGateway Start(string program, string kubeconfig)
    {
        // An address of its own: the port of the metrics is the same in each process.
        var address = new IPAddress([127, 96, (byte)Random.Shared.Next(1, 255), (byte)Random.Shared.Next(1, 255)]);
        var ports = FreePorts.Of(address, 4);
        var process = HostLauncher.StartRun(
            program,
            [
                "--modules",
                "gateway",
                "--kubeconfig",
                kubeconfig,
                "--bind",
                address.ToString(),
                "--gateway-port",
                Text(ports[0]),
                "--gateway-https-port",
                Text(ports[1]),
                "--gateway-internal-port",
                Text(ports[2]),
                "--gateway-internal-https-port",
                "0",
                "--health-port",
                Text(ports[3]),
            ]
        );
        return new MeasuredGateway(process, new IPEndPoint(address, ports[0]), new IPEndPoint(address, ports[1]));
    }

    /// <summary>Waits until a host responds with success over HTTPS.</summary>
    /// <param name="host">The host.</param>
    /// <param name="authority">Who issued its certificate, in PEM.</param>
    /// <exception cref="TimeoutException">It did not in time.</exception>
    public async Task RespondsAsync(string host, string authority)
    {
        using var http = new HttpClient(HandlerTo(authority)) { Timeout = ResponseLimit };
        var watch = Stopwatch.StartNew();
        while (!await IsUpAsync(http, host))
        {
            if (_process.HasExited)
                throw new InvalidOperationException($"The gateway exited:\n{_process.Output}");
            if (watch.Elapsed > ResponseLimit)
                throw new TimeoutException($"{host} did not respond within {ResponseLimit}:\n{_process.Output}");
            await Task.Delay(TimeSpan.FromMilliseconds(100));
        }
    }

    public ValueTask DisposeAsync() => _process.DisposeAsync();

    private SocketsHttpHandler HandlerTo(string authority) =>
        new()
        {
            UseProxy = false,
            ConnectCallback = async (_, cancellation) =>
            {
                var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
                try
                {
                    await socket.ConnectAsync(Https, cancellation);
                    return new NetworkStream(socket, ownsSocket: true);
                }
                catch
                {
                    socket.Dispose();
                    throw;
                }
            },
            SslOptions = new SslClientAuthenticationOptions
            {
                CertificateChainPolicy = new X509ChainPolicy
                {
                    TrustMode = X509ChainTrustMode.CustomRootTrust,
                    RevocationMode = X509RevocationMode.NoCheck,
                    CustomTrustStore = { X509Certificate2.CreateFromPem(authority) },
                },
            },
        };

    private static async Task<bool> IsUpAsync(HttpClient http, string host)
    {
        try
        {
            using var response = await http.GetAsync(new Uri($"https://{host}/"));
            return response.IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            // It does not listen yet, or does not have the route or the certificate.
            return false;
        }
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}

using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Serving.Certificates;

namespace Serving.Benchmarks.Processes;

/// <summary>nginx as a proxy before one server, set up as for production: two workers, connections kept open on both sides, no access
/// log. Dispose stops it and deletes its files.</summary>
internal sealed class Nginx : IAsyncDisposable
{
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(20);

    private readonly DirectoryInfo _directory;
    private readonly LocalProcess _process;

    private Nginx(DirectoryInfo directory, LocalProcess process, IReadOnlyList<IPEndPoint> addresses)
    {
        (_directory, _process) = (directory, process);
        (Address, Http2Address, TlsAddress) = (addresses[0], addresses[1], addresses.ElementAtOrDefault(2));
    }

    /// <summary>Its path; null when it is not installed.</summary>
    public static string? Path { get; } = Programs.Find("nginx");

    /// <summary>Where it serves HTTP/1.1.</summary>
    public IPEndPoint Address { get; }

    /// <summary>Where it serves HTTP/2 in clear text.</summary>
    public IPEndPoint Http2Address { get; }

    /// <summary>Where it serves both over TLS; null without a certificate.</summary>
    public IPEndPoint? TlsAddress { get; }

    /// <summary>The CPU time of all its processes.</summary>
    public TimeSpan Cpu => ProcessTree.Cpu(_process.Id);

    /// <summary>The resident memory of all its processes, in MiB.</summary>
    public double ResidentMebibytes => ProcessTree.ResidentMebibytes(_process.Id);

    /// <summary>Starts it.</summary>
    /// <param name="upstream">Address and port of the server behind it.</param>
    /// <param name="certificate">Its certificate; null for a server without TLS.</param>
    /// <exception cref="InvalidOperationException">It ended.</exception>
    public static async Task<Nginx> StartAsync(string upstream, ServingCertificatePems? certificate = null)
    {
        var directory = Directory.CreateTempSubdirectory("serving-nginx-");
        IPEndPoint[] addresses =
        [
            .. FreePorts
                .Of(IPAddress.Loopback, certificate is null ? 2 : 3)
                .Select(static port => new IPEndPoint(IPAddress.Loopback, port)),
        ];
        var file = System.IO.Path.Combine(directory.FullName, "nginx.conf");
        if (certificate is not null)
        {
            await File.WriteAllTextAsync(CertificateFile(directory.FullName), certificate.Certificate);
            await File.WriteAllTextAsync(KeyFile(directory.FullName), certificate.Key);
        }

        await File.WriteAllTextAsync(file, Configuration(directory.FullName, addresses, upstream));
        var nginx = new Nginx(
            directory,
            new LocalProcess(
                Path ?? throw new InvalidOperationException("nginx is not on the PATH."),
                ["-c", file, "-p", directory.FullName]
            ),
            addresses
        );
        try
        {
            await nginx.ListensAsync();
            return nginx;
        }
        catch
        {
            await nginx.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _process.DisposeAsync();
        _directory.Delete(recursive: true);
    }

    private async Task ListensAsync()
    {
        using var limit = new CancellationTokenSource(StartLimit);
        while (true)
        {
            if (_process.HasExited)
                throw new InvalidOperationException($"nginx ended:\n{_process.Output}");
            try
            {
                using var client = new TcpClient();
                await client.ConnectAsync(Address, limit.Token);
                return;
            }
            catch (SocketException)
            {
                // It does not listen yet.
                await Task.Delay(TimeSpan.FromMilliseconds(20), limit.Token);
            }
        }
    }

    private static string CertificateFile(string directory) => System.IO.Path.Combine(directory, "tls.crt");

    private static string KeyFile(string directory) => System.IO.Path.Combine(directory, "tls.key");

    private static string Configuration(string directory, IReadOnlyList<IPEndPoint> addresses, string upstream)
    {
        string[] paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
        return string.Create(
            CultureInfo.InvariantCulture,
            $$"""
            {{(Environment.IsPrivilegedProcess ? "user root;" : "")}}
            daemon off;
            worker_processes 2;
            pid {{directory}}/nginx.pid;
            error_log stderr error;
            events { worker_connections 4096; }
            http {
              access_log off;
              {{string.Concat(paths.Select(path => $"{path}_temp_path {directory}/{path}; "))}}
              keepalive_requests 1000000000;
              upstream program {
                server {{upstream}};
                keepalive 64;
                keepalive_requests 1000000000;
              }
              server {
                listen {{addresses[0]}} backlog=4096;
                listen {{addresses[1]}} http2 backlog=4096;
                {{(addresses.Count > 2 ? Tls(directory, addresses[2]) : "")}}
                location / {
                  proxy_pass http://program;
                  proxy_http_version 1.1;
                  proxy_set_header Connection "";
                  proxy_set_header Host $host;
                }
              }
            }
            """
        );
    }

    private static string Tls(string directory, IPEndPoint address) =>
        $"""
            listen {address} ssl http2 backlog=4096;
            ssl_certificate {CertificateFile(directory)};
            ssl_certificate_key {KeyFile(directory)};
            ssl_protocols TLSv1.2 TLSv1.3;
            """;
}

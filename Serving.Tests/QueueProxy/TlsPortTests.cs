using System.Diagnostics;
using System.Net;
using System.Net.Security;
using System.Security.Authentication;
using FluentAssertions;
using Microsoft.AspNetCore.Http;
using NUnit.Framework;
using Serving.Tests.Dataplane;
using Serving.Tests.Support;

namespace Serving.Tests.QueueProxy;

/// <summary>The TLS port of the sidecar; the derived fixture decides what runs it.</summary>
public abstract class TlsPortTests
{
    private readonly HttpClient _client = new() { Timeout = TimeSpan.FromSeconds(30) };
    private readonly PodCertificates _certificates = new();

    [OneTimeSetUp]
    public void Mount() => _certificates.Mount("pod");

    [OneTimeTearDown]
    public void Dispose()
    {
        _client.Dispose();
        _certificates.Dispose();
    }

    [TestCase("1.1")]
    [TestCase("2.0")]
    public async Task Serves_over_TLS_what_it_serves_in_clear_text(string version)
    {
        await using var user = await TestServer.StartAsync(context => context.Response.WriteAsync(context.Request.Protocol));
        await using var proxy = await ReadyAsync(user);
        using var handler = new SocketsHttpHandler { SslOptions = Trusting(SslProtocols.None) };
        using var client = new HttpClient(handler) { Timeout = TimeSpan.FromSeconds(30) };
        using var request = new HttpRequestMessage(HttpMethod.Get, proxy.Tls)
        {
            Version = new Version(version),
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };

        using var response = await client.SendAsync(request);

        response.StatusCode.Should().Be(HttpStatusCode.OK);
        (await response.Content.ReadAsStringAsync()).Should().Be(version == "2.0" ? "HTTP/2" : "HTTP/1.1");
        (await proxy.OutputAsync()).Should().NotContain("\"Warning\"");
    }

    [Test]
    public async Task The_request_log_tells_TLS_from_clear_text()
    {
        await using var user = await TestServer.StartAsync(static _ => Task.CompletedTask);
        await using var proxy = await ReadyAsync(
            user,
            ("OBSERVABILITY_CONFIG", """{"enableRequestLog":true,"requestLogTemplate":"TLS: {{.Request.TLS}}"}""")
        );
        using var handler = new SocketsHttpHandler { SslOptions = Trusting(SslProtocols.None) };
        using var client = new HttpClient(handler) { Timeout = TimeSpan.FromSeconds(30) };

        (await client.GetAsync(proxy.Tls)).Dispose();
        await Eventually.HoldsAsync(async () => (await proxy.OutputAsync()).Should().Match("*TLS: {772 true *}*"));

        (await client.GetAsync(proxy.Serving)).Dispose();
        await Eventually.HoldsAsync(async () => (await proxy.OutputAsync()).Should().Contain("TLS: <nil>"));
    }

    [Test]
    public async Task Speaks_only_TLS_1_3_unless_an_older_version_is_allowed()
    {
        await using var user = await TestServer.StartAsync(static _ => Task.CompletedTask);
        await using var strict = await ReadyAsync(user);
        await using var lenient = await ReadyAsync(
            user,
            ("QUEUE_PROXY_TLS_MIN_VERSION", "1.2"),
            ("QUEUE_PROXY_TLS_CIPHER_SUITES", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384")
        );

        await FluentActions.Awaiting(() => HandshakeAsync(strict, SslProtocols.Tls12)).Should().ThrowAsync<Exception>();
        (await HandshakeAsync(strict, SslProtocols.Tls13)).Version.Should().Be(SslProtocols.Tls13);
        (await HandshakeAsync(lenient, SslProtocols.Tls12))
            .Should()
            .Be((SslProtocols.Tls12, TlsCipherSuite.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384));
        (await HandshakeAsync(lenient, SslProtocols.Tls13)).Version.Should().Be(SslProtocols.Tls13);
    }

    [Test]
    public async Task Takes_only_the_key_exchange_groups_that_are_named()
    {
        await using var user = await TestServer.StartAsync(static _ => Task.CompletedTask);
        await using var proxy = await ReadyAsync(user, ("QUEUE_PROXY_TLS_CURVE_PREFERENCES", "CurveP384"));

        (await OpenSslAsync(proxy, "X25519")).Should().NotBe(0);
        (await OpenSslAsync(proxy, "P-384")).Should().Be(0);
    }

    [Test]
    public async Task Says_which_variable_is_wrong_and_ends()
    {
        await using var proxy = await StartAsync(1, _certificates.Directory, ("QUEUE_PROXY_TLS_MIN_VERSION", "1.0"));

        (await proxy.ExitCodeAsync()).Should().Be(1);
        await Eventually.HoldsAsync(async () => (await proxy.OutputAsync()).Should().Contain("QUEUE_PROXY_TLS_MIN_VERSION"));
    }

    /// <summary>Starts a sidecar.</summary>
    /// <param name="userPort">The port of the user's program.</param>
    /// <param name="certificates">The directory of its certificate.</param>
    /// <param name="variables">Further variables.</param>
    private protected abstract Task<Sidecar> StartAsync(int userPort, string certificates, params (string Name, string Value)[] variables);

    private async Task<Sidecar> ReadyAsync(TestServer user, params (string Name, string Value)[] variables)
    {
        var proxy = await StartAsync(user.EndPoint.Port, _certificates.Directory, variables);
        await proxy.ReadyAsync(_client);
        return proxy;
    }

    private static SslClientAuthenticationOptions Trusting(SslProtocols protocols) =>
        new()
        {
            TargetHost = "pod",
            EnabledSslProtocols = protocols,
            RemoteCertificateValidationCallback = static (_, certificate, _, _) => certificate?.Subject == "CN=pod",
        };

    private static async Task<(SslProtocols Version, TlsCipherSuite Suite)> HandshakeAsync(Sidecar proxy, SslProtocols protocols)
    {
        using var socket = new System.Net.Sockets.TcpClient();
        await socket.ConnectAsync(proxy.Tls.Host, proxy.Tls.Port);
        await using var ssl = new SslStream(socket.GetStream());
        await ssl.AuthenticateAsClientAsync(Trusting(protocols)).WaitAsync(TimeSpan.FromSeconds(30));
        return (ssl.SslProtocol, ssl.NegotiatedCipherSuite);
    }

    private static async Task<int> OpenSslAsync(Sidecar proxy, string group)
    {
        var start = new ProcessStartInfo(
            "openssl",
            ["s_client", "-connect", $"{proxy.Tls.Host}:{proxy.Tls.Port}", "-groups", group, "-no_ign_eof"]
        )
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var process = Process.Start(start)!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        process.StandardInput.Close();
        await process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(30));
        TestContext.Progress.WriteLine(await output + await error);
        return process.ExitCode;
    }
}

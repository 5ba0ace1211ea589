using System.IO.Pipelines;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Microsoft.Extensions.Logging;
using Serving.Concurrency.Sockets;

namespace Serving.Dataplane.Servers;

/// <summary>
/// Terminates TLS and passes the clear text on. Unlike Kestrel's middleware it needs no services of a host, and it selects the certificate
/// at each handshake, so that a renewed one takes effect at once.
/// </summary>
internal sealed partial class TlsTermination(DataplaneEndpoint endpoint, Func<TimeSpan> handshakeTimeout, ILogger logger)
{
    private static readonly List<SslApplicationProtocol> Protocols = [SslApplicationProtocol.Http2, SslApplicationProtocol.Http11];

    public async Task OnConnectionAsync(ConnectionContext connection, ConnectionDelegate http1, ConnectionDelegate http2)
    {
        var raw = connection.Transport;
        // A handshake takes a millisecond of calculation.
        var stream = new PoolStream(new DuplexPipeStream(raw));
        await using var ssl = new SslStream(stream, leaveInnerStreamOpen: false);
        using (var deadline = CancellationTokenSource.CreateLinkedTokenSource(connection.ConnectionClosed))
        {
            deadline.CancelAfter(handshakeTimeout());
            try
            {
                await ssl.AuthenticateAsServerAsync(ChooseAsync, this, deadline.Token);
            }
            catch (Exception exception) when (exception is AuthenticationException or IOException or OperationCanceledException)
            {
                LogHandshake(logger, exception.Message);
                return;
            }
        }

        stream.ContinueDirectly();
        var feature = new TlsFeature(ssl);
        connection.Features.Set<ITlsConnectionFeature>(feature);
        connection.Features.Set<ITlsApplicationProtocolFeature>(feature);
        connection.Features.Set<ITlsHandshakeFeature>(feature);
        var input = PipeReader.Create(ssl, new StreamPipeReaderOptions(leaveOpen: true));
        var output = PipeWriter.Create(ssl, new StreamPipeWriterOptions(leaveOpen: true));
        connection.Transport = new Duplex(input, output);
        try
        {
            await (ssl.NegotiatedApplicationProtocol == SslApplicationProtocol.Http2 ? http2 : http1)(connection);
            await output.CompleteAsync();
            await input.CompleteAsync();
        }
        finally
        {
            connection.Transport = raw;
        }
    }

    private static ValueTask<SslServerAuthenticationOptions> ChooseAsync(
        SslStream stream,
        SslClientHelloInfo hello,
        object? state,
        CancellationToken cancellation
    )
    {
        var endpoint = ((TlsTermination)state!).Endpoint;
        var name = string.IsNullOrEmpty(hello.ServerName) ? null : hello.ServerName;
        var options = new SslServerAuthenticationOptions
        {
            ApplicationProtocols = Protocols,
            CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
            EnabledSslProtocols = TlsVersions.Spoken,
            ServerCertificateContext =
                endpoint.Certificates!(name)
                ?? throw new AuthenticationException($"No certificate for {name ?? "a client that sends no server name (SNI)"}."),
        };
        endpoint.ConfigureTls?.Invoke(options);
        return new(options);
    }

    private DataplaneEndpoint Endpoint => endpoint;

    [LoggerMessage(2, LogLevel.Debug, "TLS handshake failed: {Reason}")]
    private static partial void LogHandshake(ILogger logger, string reason);

    private sealed class TlsFeature(SslStream ssl) : ITlsConnectionFeature, ITlsApplicationProtocolFeature, ITlsHandshakeFeature
    {
        public X509Certificate2? ClientCertificate { get; set; } = ssl.RemoteCertificate as X509Certificate2;

        public SslProtocols Protocol { get; } = ssl.SslProtocol;

        public TlsCipherSuite? NegotiatedCipherSuite { get; } = ssl.NegotiatedCipherSuite;

        public string HostName { get; } = ssl.TargetHostName;

#pragma warning disable SYSLIB0058 // The interface still requires the obsolete members.
        public CipherAlgorithmType CipherAlgorithm => ssl.CipherAlgorithm;

        public int CipherStrength => ssl.CipherStrength;

        public HashAlgorithmType HashAlgorithm => ssl.HashAlgorithm;

        public int HashStrength => ssl.HashStrength;

        public ExchangeAlgorithmType KeyExchangeAlgorithm => ssl.KeyExchangeAlgorithm;

        public int KeyExchangeStrength => ssl.KeyExchangeStrength;
#pragma warning restore SYSLIB0058

        public ReadOnlyMemory<byte> ApplicationProtocol { get; } = ssl.NegotiatedApplicationProtocol.Protocol;

        public Task<X509Certificate2?> GetClientCertificateAsync(CancellationToken cancellationToken) => Task.FromResult(ClientCertificate);
    }

    private sealed class Duplex(PipeReader input, PipeWriter output) : IDuplexPipe
    {
        public PipeReader Input => input;

        public PipeWriter Output => output;
    }
}

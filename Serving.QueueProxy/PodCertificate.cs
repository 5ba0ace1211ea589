using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Logging;
using Serving.Concurrency;

namespace Serving.QueueProxy;

/// <summary>The certificate of the TLS port, read from the mounted Secret and read again when it changes.</summary>
internal sealed partial class PodCertificate : IDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    private readonly string _certificate;
    private readonly string _key;
    private readonly ILogger _logger;
    private readonly BackgroundTimer _timer;
    private SslStreamCertificateContext _current;
    private (string Certificate, string Key) _read;
    private string _problem = "";

    /// <param name="directory">Where it is mounted.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">Where it says that a new one cannot be read.</param>
    /// <exception cref="CryptographicException">It cannot be used.</exception>
    public PodCertificate(string directory, TimeProvider time, ILogger logger)
    {
        (_certificate, _key) = Files(directory);
        _logger = logger;
        _read = Read();
        _current = Load(_read);
        _timer = BackgroundTimer.Every(time, $"Reading {_certificate} again", Interval, Refresh);
    }

    /// <summary>The newest one that could be read.</summary>
    public SslStreamCertificateContext Current => Volatile.Read(ref _current);

    /// <summary>Whether there is one in <paramref name="directory"/>.</summary>
    public static bool IsMounted(string directory)
    {
        var (certificate, key) = Files(directory);
        return File.Exists(certificate) && File.Exists(key);
    }

    public void Dispose() => _timer.Dispose();

    private static (string Certificate, string Key) Files(string directory) => (Path.Combine(directory, "tls.crt"), Path.Combine(directory, "tls.key"));

    private static SslStreamCertificateContext Load((string Certificate, string Key) pem)
    {
        using var parsed = Parse(pem);
        var chain = new X509Certificate2Collection();
        chain.ImportFromPem(pem.Certificate);
        return SslStreamCertificateContext.Create(
            X509CertificateLoader.LoadPkcs12(parsed.Export(X509ContentType.Pkcs12), null), chain, offline: true);
    }

    private static X509Certificate2 Parse((string Certificate, string Key) pem)
    {
        try
        {
            return X509Certificate2.CreateFromPem(pem.Certificate, pem.Key);
        }
        catch (ArgumentException unfit)
        {
            // A key that belongs to another certificate, as when one of the two files was read before they were replaced and one after.
            throw new CryptographicException(unfit.Message, unfit);
        }
    }

    private (string Certificate, string Key) Read() => (File.ReadAllText(_certificate), File.ReadAllText(_key));

    private void Refresh()
    {
        try
        {
            // By content: a mounted Secret is a link whose own time never changes.
            var now = Read();
            if (now != _read)
            {
                Volatile.Write(ref _current, Load(now));
                _read = now;
            }

            _problem = "";
        }
        catch (Exception exception) when (exception is IOException or CryptographicException or UnauthorizedAccessException)
        {
            if (_problem == exception.Message) return;
            _problem = exception.Message;
            LogKept(_logger, exception, _certificate);
        }
    }

    [LoggerMessage(10, LogLevel.Error, "{Path} cannot be read; the certificate from before stays in use.")]
    private static partial void LogKept(ILogger logger, Exception exception, string path);
}

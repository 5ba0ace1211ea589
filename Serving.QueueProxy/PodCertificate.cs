using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Logging;
using Serving.Concurrency;

namespace Serving.QueueProxy;

/// <summary>The certificate of the TLS port, loaded from the mounted Secret and reloaded when it changes.</summary>
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

    /// <param name="directory">The mount path of the Secret.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">Logs failures to reload.</param>
    /// <exception cref="CryptographicException">The certificate cannot be loaded.</exception>
    public PodCertificate(string directory, TimeProvider time, ILogger logger)
    {
        (_certificate, _key) = Files(directory);
        _logger = logger;
        _read = Read();
        _current = Load(_read);
        _timer = BackgroundTimer.Every(time, $"Reloading {_certificate}", Interval, Refresh);
    }

    /// <summary>The most recent certificate that could be loaded.</summary>
    public SslStreamCertificateContext Current => Volatile.Read(ref _current);

    /// <summary>Whether <paramref name="directory"/> contains a certificate.</summary>
    public static bool IsMounted(string directory)
    {
        var (certificate, key) = Files(directory);
        return File.Exists(certificate) && File.Exists(key);
    }

    public void Dispose() => _timer.Dispose();

    private static (string Certificate, string Key) Files(string directory) =>
        (Path.Combine(directory, "tls.crt"), Path.Combine(directory, "tls.key"));

    private static SslStreamCertificateContext Load((string Certificate, string Key) pem)
    {
        using var parsed = Parse(pem);
        var chain = new X509Certificate2Collection();
        chain.ImportFromPem(pem.Certificate);
        return SslStreamCertificateContext.Create(
            X509CertificateLoader.LoadPkcs12(parsed.Export(X509ContentType.Pkcs12), null),
            chain,
            offline: true
        );
    }

    private static X509Certificate2 Parse((string Certificate, string Key) pem)
    {
        try
        {
            return X509Certificate2.CreateFromPem(pem.Certificate, pem.Key);
        }
        catch (ArgumentException unfit)
        {
            // The key belongs to another certificate, for example when the Secret was updated between reading the two files.
            throw new CryptographicException(unfit.Message, unfit);
        }
    }

    private (string Certificate, string Key) Read() => (File.ReadAllText(_certificate), File.ReadAllText(_key));

    private void Refresh()
    {
        try
        {
            // Compares content: a mounted Secret is a symbolic link whose own timestamp never changes.
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
            if (_problem == exception.Message)
                return;
            _problem = exception.Message;
            LogKept(_logger, exception, _certificate);
        }
    }

    [LoggerMessage(10, LogLevel.Error, "{Path} cannot be loaded; the previous certificate stays in use.")]
    private static partial void LogKept(ILogger logger, Exception exception, string path);
}

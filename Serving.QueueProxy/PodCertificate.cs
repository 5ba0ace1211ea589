using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Logging;

namespace Serving.QueueProxy;

/// <summary>The certificate of the TLS port, read from the mounted Secret and read again when it changes.</summary>
internal sealed partial class PodCertificate : IDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(1);

    private readonly string _certificate;
    private readonly string _key;
    private readonly ILogger _logger;
    private readonly ITimer _timer;
    private SslStreamCertificateContext _current;
    private DateTime _read;

    private PodCertificate(string certificate, string key, TimeProvider time, ILogger logger)
    {
        _certificate = certificate;
        _key = key;
        _logger = logger;
        _current = Load();
        _timer = time.CreateTimer(static state => ((PodCertificate)state!).Refresh(), this, Interval, Interval);
    }

    /// <summary>The newest one that could be read.</summary>
    public SslStreamCertificateContext Current => Volatile.Read(ref _current);

    /// <summary>The certificate in <paramref name="directory"/>, or null when none is mounted.</summary>
    /// <exception cref="CryptographicException">There is one, but it cannot be used.</exception>
    public static PodCertificate? TryLoad(string directory, TimeProvider time, ILogger logger)
    {
        var (certificate, key) = (Path.Combine(directory, "tls.crt"), Path.Combine(directory, "tls.key"));
        return File.Exists(certificate) && File.Exists(key) ? new PodCertificate(certificate, key, time, logger) : null;
    }

    public void Dispose() => _timer.Dispose();

    private SslStreamCertificateContext Load()
    {
        _read = File.GetLastWriteTimeUtc(_certificate);
        using var parsed = X509Certificate2.CreateFromPemFile(_certificate, _key);
        var chain = new X509Certificate2Collection();
        chain.ImportFromPemFile(_certificate);
        return SslStreamCertificateContext.Create(
            X509CertificateLoader.LoadPkcs12(parsed.Export(X509ContentType.Pkcs12), null), chain, offline: true);
    }

    private void Refresh()
    {
        try
        {
            if (File.GetLastWriteTimeUtc(_certificate) != _read) Volatile.Write(ref _current, Load());
        }
        catch (Exception exception) when (exception is IOException or CryptographicException or UnauthorizedAccessException)
        {
            LogKept(_logger, exception, _certificate);
        }
    }

    [LoggerMessage(10, LogLevel.Error, "{Path} cannot be read; the certificate from before stays in use.")]
    private static partial void LogKept(ILogger logger, Exception exception, string path);
}

using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Logging;

namespace Serving.Certificates;

/// <summary>
/// The certificate authorities of several sources. A removed source is no longer trusted. Invariants: invalid text leaves the source's
/// previous authorities in use, and trust never becomes empty once there was any, since every system-internal connection would fail.
/// </summary>
internal sealed partial class TrustedAuthorities(ILogger logger)
{
    private Dictionary<string, Source> _sources = new(StringComparer.Ordinal);
    private X509Certificate2Collection _current = [];
    private string _currentText = "";

    /// <summary>All trusted authorities; the same collection until they change.</summary>
    public X509Certificate2Collection Current => Volatile.Read(ref _current);

    /// <summary>Applies the current text of all sources. Not thread-safe.</summary>
    public void Update(IReadOnlyList<(string Source, string Text)> texts)
    {
        var next = new Dictionary<string, Source>(StringComparer.Ordinal);
        foreach (var (name, text) in texts)
        {
            var known = _sources.GetValueOrDefault(name);
            next[name] = known?.Text == text ? known : Read(name, text, known);
        }

        _sources = next;
        var good = texts.Select(one => next[one.Source]).Where(static source => source.Authorities.Count > 0).ToList();
        var goodText = string.Join('\n', good.Select(static source => source.GoodText));
        if (goodText == _currentText)
        {
            return;
        }

        if (good.Count == 0)
        {
            LogNoneLeft(logger, _current.Count);
            return;
        }

        var all = new X509Certificate2Collection();
        foreach (var source in good)
        {
            all.AddRange(source.Authorities);
        }

        _currentText = goodText;
        Volatile.Write(ref _current, all);
        LogTrust(logger, all.Count);
    }

    private Source Read(string name, string text, Source? known)
    {
        var reason = "it contains no certificate";
        try
        {
            var read = new X509Certificate2Collection();
            read.ImportFromPem(text);
            if (read.Count > 0)
            {
                return new Source(text, text, read);
            }
        }
        catch (CryptographicException wrong)
        {
            reason = wrong.Message;
        }

        LogUnreadable(logger, name, reason, known?.Authorities.Count ?? 0);
        return new Source(text, known?.GoodText ?? "", known?.Authorities ?? []);
    }

    [LoggerMessage(4, LogLevel.Information, "Trusting {Count} certificate authorities for system-internal TLS.")]
    private static partial void LogTrust(ILogger logger, int count);

    [LoggerMessage(5, LogLevel.Warning, "{Source} contains no valid certificate authority: {Reason}. Its previous {Count} stay trusted.")]
    private static partial void LogUnreadable(ILogger logger, string source, string reason, int count);

    [LoggerMessage(
        7,
        LogLevel.Warning,
        "No Secret and no trust bundle contains a certificate authority. The last {Count} stay trusted until one does."
    )]
    private static partial void LogNoneLeft(ILogger logger, int count);

    /// <summary>The current text of a source, and its last valid one.</summary>
    private sealed record Source(string Text, string GoodText, X509Certificate2Collection Authorities);
}

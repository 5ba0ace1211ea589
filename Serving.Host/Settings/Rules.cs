using System.Globalization;
using System.Net;

namespace Serving.Host.Settings;

/// <summary>Parsers and validation rules of settings, shared by the command line and all other sources.</summary>
internal static class Rules
{
    /// <summary>An IP address; null for anything else.</summary>
    public static IPAddress? Address(string text) => IPAddress.TryParse(text, out var address) ? address : null;

    /// <summary>An https URL without query, fragment and user info; null for anything else.</summary>
    public static Uri? HttpsUrl(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out var url) && url is { Scheme: "https", Query: "", Fragment: "", UserInfo: "" }
            ? url
            : null;

    /// <summary>Seconds, less than an hour; null for anything else.</summary>
    public static TimeSpan? Seconds(string text) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var seconds) && seconds is >= 0 and < 3600
            ? TimeSpan.FromSeconds(seconds)
            : null;

    /// <summary>The names in a comma-separated list.</summary>
    public static IReadOnlyList<string> Names(string text) =>
        text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    /// <summary>The error for an invalid port; null when valid.</summary>
    public static string? Port(string setting, int port, bool mayBeNone = false) =>
        port < (mayBeNone ? 0 : 1) || port > 65535 ? $"{setting}: '{port}' is not a port, {(mayBeNone ? 0 : 1)} to 65535." : null;

    /// <summary>The error for an invalid list of names; null when valid.</summary>
    public static string? OneOf(string setting, string? names, IReadOnlyList<string> known) =>
        Names(names ?? "").FirstOrDefault(name => !known.Contains(name)) is { } unknown
            ? $"{setting}: '{unknown}' is not one of {string.Join(", ", known)}."
            : null;

    /// <summary>The error for an optional text that cannot be parsed; null when valid or missing.</summary>
    public static string? Reads<T>(string setting, string? text, Func<string, T?> read, string expected) =>
        text is null || read(text) is not null ? null : $"{setting}: '{text}' is not {expected}.";
}

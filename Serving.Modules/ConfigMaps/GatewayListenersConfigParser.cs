using System.Globalization;
using System.Net;
using Serving.Api.Config;

namespace Serving.ConfigMaps;

/// <summary>Parses config-gateway-listeners. This ConfigMap is ours: Knative has no built-in gateway.</summary>
public static class GatewayListenersConfigParser
{
    /// <summary>The ConfigMap's name.</summary>
    public const string Name = "config-gateway-listeners";

    private const string DrainTimeoutKey = "drain-timeout";
    private const int MostSources = 1000;

    /// <summary>Behind the gateway the activator accepts a little more, for the headers that the gateway adds.</summary>
    private const int LargestHead = 256 * 1024;

    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan TenMinutes = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan Day = TimeSpan.FromDays(1);

    /// <summary>Parses and validates the data. Throws <see cref="ConfigMapException"/>.</summary>
    public static GatewayListenersConfig Parse(IReadOnlyDictionary<string, string> data)
    {
        var from = new ConfigData(Name, data);
        return new GatewayListenersConfig
        {
            External = Listener(from, "external."),
            ClusterLocal = Listener(from, "cluster-local."),
            DrainTimeout = from.Has(DrainTimeoutKey) ? Duration(from, DrainTimeoutKey, default, Second, TenMinutes) : null,
        };
    }

    private static GatewayListenerConfig Listener(ConfigData from, string prefix)
    {
        var d = GatewayListenerConfig.Default;
        var (modeKey, sourcesKey) = ($"{prefix}proxy-protocol", $"{prefix}proxy-protocol-sources");
        var config = new GatewayListenerConfig
        {
            MaxConnections = Optional(from, $"{prefix}max-connections", 1, 1_000_000),
            MaxRequestHeadBytes = Number(from, $"{prefix}max-request-head-bytes", d.MaxRequestHeadBytes, 4096, LargestHead),
            RequestHeadTimeout = Duration(from, $"{prefix}request-head-timeout", d.RequestHeadTimeout, Second, TenMinutes),
            IdleTimeout = Duration(from, $"{prefix}idle-timeout", d.IdleTimeout, Second, Day),
            MaxStreamsPerConnection = Number(from, $"{prefix}max-streams-per-connection", d.MaxStreamsPerConnection, 1, 10_000),
            MaxRequestsPerConnection = Number(from, $"{prefix}max-requests-per-connection", d.MaxRequestsPerConnection, 0, int.MaxValue),
            TrustedHops = Optional(from, $"{prefix}trusted-hops", 0, 16),
            ProxyProtocol = from.Read(modeKey, d.ProxyProtocol, Mode),
            ProxyProtocolSources = from.Read(sourcesKey, d.ProxyProtocolSources, Sources),
        };
        from.Require(
            config.ProxyProtocol == ProxyProtocolMode.Off || config.ProxyProtocolSources.Count > 0,
            sourcesKey,
            $"{sourcesKey} must list the load balancers when {modeKey} is not \"off\"; anybody else could claim to be any client"
        );
        return config;
    }

    private static int? Optional(ConfigData from, string key, int least, int most) =>
        from.Has(key) ? Number(from, key, least, least, most) : null;

    private static int Number(ConfigData from, string key, int fallback, int least, int most)
    {
        var value = from.Int32(key, fallback);
        from.Require(
            value >= least && value <= most,
            key,
            string.Create(CultureInfo.InvariantCulture, $"{key} = {value}, must be in [{least}, {most}] range")
        );
        return value;
    }

    private static TimeSpan Duration(ConfigData from, string key, TimeSpan fallback, TimeSpan least, TimeSpan most)
    {
        var value = from.Duration(key, fallback);
        from.Require(
            value >= least && value <= most,
            key,
            $"{key} = {GoValues.Format(value)}, must be in [{GoValues.Format(least)}, {GoValues.Format(most)}] range"
        );
        return value;
    }

    private static ProxyProtocolMode Mode(string text) =>
        text.Trim() switch
        {
            "off" => ProxyProtocolMode.Off,
            "optional" => ProxyProtocolMode.Optional,
            "required" => ProxyProtocolMode.Required,
            _ => throw new FormatException($"{GoValues.Quote(text)} is not one of off, optional, required"),
        };

    private static IReadOnlyList<IPNetwork> Sources(string text)
    {
        var entries = text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        return entries.Length <= MostSources
            ? [.. entries.Select(Source)]
            : throw new FormatException(string.Create(CultureInfo.InvariantCulture, $"more than {MostSources} entries"));
    }

    /// <summary>A CIDR, or a single address.</summary>
    private static IPNetwork Source(string text) =>
        IPNetwork.TryParse(text, out var network) ? network
        : !text.Contains('/', StringComparison.Ordinal) && IPAddress.TryParse(text, out var address) && IsPlain(text, address)
            ? new IPNetwork(address, address.GetAddressBytes().Length * 8)
        : throw new FormatException($"{GoValues.Quote(text)} is neither an IP address nor a CIDR such as 10.0.0.0/8");

    /// <summary>Not a short form as "10", nor an address with a zone.</summary>
    private static bool IsPlain(string text, IPAddress address) =>
        address.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6
            ? !text.Contains('%', StringComparison.Ordinal) && !text.Contains('[', StringComparison.Ordinal)
            : address.ToString() == text;
}

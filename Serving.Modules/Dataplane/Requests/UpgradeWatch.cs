using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Serving.Dataplane.Requests;

/// <summary>
/// Observes the upgrade of a request to another protocol (WebSocket), and every byte transferred afterwards. Only requests that ask for an
/// upgrade get one. It wraps the features through which the server hands over a connection (HTTP/1.1) or a stream (HTTP/2 extended
/// CONNECT).
/// </summary>
public sealed class UpgradeWatch : IHttpUpgradeFeature, IHttpExtendedConnectFeature
{
    private readonly IHttpUpgradeFeature? _upgrade;
    private readonly IHttpExtendedConnectFeature? _connect;
    private volatile bool _upgraded;

    private UpgradeWatch(IHttpUpgradeFeature? upgrade, IHttpExtendedConnectFeature? connect) => (_upgrade, _connect) = (upgrade, connect);

    /// <summary>Raised once when the request is upgraded, before any byte of the new protocol.</summary>
    public event Action? Upgraded;

    /// <summary>Raised when bytes are transferred: true to the client, false from it. Subscribe before the upgrade.</summary>
    public event Action<bool>? Transferred;

    /// <summary>Whether the request has been upgraded.</summary>
    public bool HasUpgraded => _upgraded;

    /// <inheritdoc/>
    public bool IsUpgradableRequest => _upgrade is not null;

    /// <inheritdoc/>
    public bool IsExtendedConnect => _connect is not null;

    /// <inheritdoc/>
    public string? Protocol => _connect?.Protocol;

    /// <summary>The watch of a request; null, after two comparisons, when the request does not ask for an upgrade or may not be
    /// upgraded.</summary>
    public static UpgradeWatch? Of(HttpContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        var request = context.Request;
        return request.Headers.Upgrade.Count != 0 || HttpMethods.IsConnect(request.Method) ? Find(context.Features) : null;
    }

    /// <inheritdoc/>
    public async Task<Stream> UpgradeAsync() => Watch(await _upgrade!.UpgradeAsync());

    /// <inheritdoc/>
    public async ValueTask<Stream> AcceptAsync() => Watch(await _connect!.AcceptAsync());

    private static UpgradeWatch? Find(IFeatureCollection features)
    {
        var upgrade = features.Get<IHttpUpgradeFeature>();
        var connect = features.Get<IHttpExtendedConnectFeature>();
        if ((upgrade as UpgradeWatch ?? connect as UpgradeWatch) is { } known)
            return known;
        if (upgrade is not { IsUpgradableRequest: true })
            upgrade = null;
        if (connect is not { IsExtendedConnect: true })
            connect = null;
        if (upgrade is null && connect is null)
            return null;
        var watch = new UpgradeWatch(upgrade, connect);
        if (upgrade is not null)
            features.Set<IHttpUpgradeFeature>(watch);
        if (connect is not null)
            features.Set<IHttpExtendedConnectFeature>(watch);
        return watch;
    }

    private Stream Watch(Stream stream)
    {
        _upgraded = true;
        Upgraded?.Invoke();
        return Transferred is { } transferred ? new WatchedStream(stream, transferred) : stream;
    }
}

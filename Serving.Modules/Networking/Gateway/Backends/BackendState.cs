using Serving.Networking.Gateway.Telemetry;

namespace Serving.Networking.Gateway.Backends;

/// <summary>A snapshot of a backend. Immutable except for the load of its endpoints.</summary>
internal sealed class BackendState
{
    private readonly TaskCompletionSource _replaced = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Ready addresses.</summary>
    public BackendEndpoint[] Endpoints { get; init; } = [];

    /// <summary>Whether they speak HTTP/2.</summary>
    public bool Http2 { get; init; }

    /// <summary>Whether this is the TLS port of a revision's Service, where queue-proxies and activators speak TLS.</summary>
    public bool Https { get; init; }

    /// <summary>What the Revision of the Service belongs to; the same object until it changes.</summary>
    public RevisionOwner Owner { get; init; } = RevisionOwner.Unknown;

    /// <summary>The in-cluster backend that an ExternalName refers to; null for none.</summary>
    public Backend? Alias { get; init; }

    /// <summary>Whether the Service refers to this gateway itself: the request is then routed again by its rewritten host.</summary>
    public bool LeadsToGateway { get; init; }

    /// <summary>Completes when a newer state has replaced this one.</summary>
    public Task Replaced => _replaced.Task;

    /// <summary>Whether the other state has the same endpoints in the same order, protocols and target.</summary>
    public bool IsLike(BackendState other) =>
        Http2 == other.Http2
        && Https == other.Https
        && LeadsToGateway == other.LeadsToGateway
        && ReferenceEquals(Alias, other.Alias)
        && Enumerable.SequenceEqual(Endpoints, other.Endpoints);

    public void Retire() => _replaced.TrySetResult();

    /// <summary>
    /// The less loaded of two endpoints chosen at random, which balances nearly as well as comparing all. Endpoints in
    /// <paramref name="tried"/> are excluded, and those that failed recently are a last resort; null when none is left.
    /// </summary>
    public BackendEndpoint? Pick(List<BackendEndpoint>? tried, Random random)
    {
        var endpoints = Endpoints;
        if (endpoints.Length == 0)
        {
            return null;
        }

        if (endpoints.Length == 1)
        {
            return tried?.Contains(endpoints[0]) == true ? null : endpoints[0];
        }

        var one = random.Next(endpoints.Length);
        var two = random.Next(endpoints.Length - 1);
        two = two >= one ? two + 1 : two;
        var chosen = Better(endpoints[one], endpoints[two]);
        return chosen.Avoided || tried?.Contains(chosen) == true ? BestOf(endpoints, tried) : chosen;
    }

    private static BackendEndpoint? BestOf(BackendEndpoint[] endpoints, List<BackendEndpoint>? tried)
    {
        BackendEndpoint? best = null;
        foreach (var endpoint in endpoints)
        {
            if (tried?.Contains(endpoint) != true)
            {
                best = best is null ? endpoint : Better(best, endpoint);
            }
        }

        return best;
    }

    private static BackendEndpoint Better(BackendEndpoint one, BackendEndpoint two)
    {
        if (one.Avoided != two.Avoided)
        {
            return one.Avoided ? two : one;
        }

        var difference = one.InFlight - two.InFlight;
        return difference < 0 || (difference == 0 && one.LocalActivator) ? one : two;
    }
}

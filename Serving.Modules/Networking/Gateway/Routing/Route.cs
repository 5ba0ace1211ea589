using Serving.Kubernetes;

namespace Serving.Networking.Gateway.Routing;

/// <summary>The backends for a host, a path prefix and required headers. Immutable.</summary>
internal sealed class Route
{
    private readonly Split[] _splits;
    private readonly int[] _upTo;
    private readonly int _total;

    public Route(string prefix, HeaderRequirement[] headers, Split[] splits)
    {
        Prefix = prefix;
        Headers = headers;
        _splits = [.. splits.Where(static split => split.Percent > 0)];
        _upTo = new int[_splits.Length];
        for (var i = 0; i < _upTo.Length; i++)
        {
            _upTo[i] = _total += _splits[i].Percent;
        }
    }

    /// <summary>The literal prefix of the path.</summary>
    public string Prefix { get; }

    /// <summary>The headers that a request must have.</summary>
    public HeaderRequirement[] Headers { get; }

    /// <summary>The backends with a share of the traffic.</summary>
    public IReadOnlyList<Split> Splits => _splits;

    /// <summary>Headers to set on every request.</summary>
    public KeyValuePair<string, string>[] SetHeaders { get; init; } = [];

    /// <summary>Whether tag-based routing applies: the route matches the tag header, or reports to the sidecar how the tag was
    /// selected.</summary>
    public bool KnowsTags { get; init; }

    /// <summary>The Host to send; null to keep the client's.</summary>
    public string? RewriteHost { get; init; }

    /// <summary>Whether external clear-text requests are redirected to HTTPS.</summary>
    public bool RedirectToHttps { get; init; }

    /// <summary>The version of the Ingress that contains this route.</summary>
    public required string Hash { get; init; }

    /// <summary>The Ingress that contains this route.</summary>
    public ObjectKey Ingress { get; init; }

    /// <summary>The Knative Route that the Ingress belongs to; empty for none.</summary>
    public string Name { get; init; } = "";

    /// <summary>The split selected by <paramref name="draw"/>, which is uniform in [0, 1); null if there is none.</summary>
    public Split? Choose(double draw)
    {
        if (_splits.Length < 2)
        {
            return _splits.Length == 0 ? null : _splits[0];
        }

        var point = (int)(draw * _total);
        var index = 0;
        while (point >= _upTo[index])
        {
            index++;
        }

        return _splits[index];
    }
}

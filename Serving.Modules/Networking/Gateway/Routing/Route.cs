namespace Serving.Networking.Gateway.Routing;

/// <summary>Where the requests of a host, a path prefix and some headers go. Immutable.</summary>
internal sealed class Route
{
    private readonly Split[] splits;
    private readonly int[] upTo;
    private readonly int total;

    public Route(string prefix, HeaderRequirement[] headers, Split[] splits)
    {
        Prefix = prefix;
        Headers = headers;
        this.splits = [.. splits.Where(static split => split.Percent > 0)];
        upTo = new int[this.splits.Length];
        for (var i = 0; i < upTo.Length; i++)
        {
            upTo[i] = total += this.splits[i].Percent;
        }
    }

    /// <summary>The literal start that a path must have.</summary>
    public string Prefix { get; }

    /// <summary>The headers that a request must have.</summary>
    public HeaderRequirement[] Headers { get; }

    /// <summary>Backends that get a share.</summary>
    public IReadOnlyList<Split> Splits => splits;

    /// <summary>Headers to set on every request.</summary>
    public KeyValuePair<string, string>[] SetHeaders { get; init; } = [];

    /// <summary>Whether tags are chosen by header here: the route asks for the tag header, or tells the sidecar how it chose.</summary>
    public bool KnowsTags { get; init; }

    /// <summary>The Host to send instead of the client's; null keeps it.</summary>
    public string? RewriteHost { get; init; }

    /// <summary>Whether a request in clear text from outside is sent to HTTPS instead.</summary>
    public bool RedirectToHttps { get; init; }

    /// <summary>The version of the Ingress that this route is of.</summary>
    public required string Hash { get; init; }

    /// <summary>The split whose share a draw falls in, or null when there is none. <paramref name="draw"/> is uniform in [0, 1).</summary>
    public Split? Choose(double draw)
    {
        if (splits.Length < 2)
        {
            return splits.Length == 0 ? null : splits[0];
        }

        var point = (int)(draw * total);
        var index = 0;
        while (point >= upTo[index])
        {
            index++;
        }

        return splits[index];
    }
}

using System.Text.Json.Nodes;

namespace Serving.Tests.Cluster.Failover;

/// <summary>What the API server noted of the writes it got, in the order in which it answered them.</summary>
internal sealed class AuditTrail(string path)
{
    private static readonly string[] Writes = ["update", "patch"];

    /// <summary>One write.</summary>
    /// <param name="Host">The pod name of the host that made it; empty for others.</param>
    /// <param name="Lease">The Lease under which it was made; empty for writes that need none.</param>
    /// <param name="Verb">create, update, patch or delete.</param>
    /// <param name="Resource">The plural.</param>
    /// <param name="Name">The object.</param>
    /// <param name="Version">The resourceVersion it is based on; empty when it named none.</param>
    /// <param name="Status">The HTTP status of the answer.</param>
    /// <param name="Holder">Of the write of a Lease: the holder it names.</param>
    /// <param name="Received">When the request was received.</param>
    /// <param name="Answered">When it was answered.</param>
    internal sealed record Entry(
        string Host, string Lease, string Verb, string Resource, string Name, string Version, int Status, string Holder, DateTimeOffset Received, DateTimeOffset Answered)
    {
        public bool Succeeded => Status is >= 200 and < 300;

        public bool Changes => Writes.Contains(Verb);
    }

    /// <summary>Everything so far.</summary>
    public IReadOnlyList<Entry> Read()
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using var reader = new StreamReader(file);
        var entries = new List<Entry>();
        while (reader.ReadLine() is { } line)
        {
            if (line.EndsWith('}'))
            {
                entries.Add(Parse(JsonNode.Parse(line)!));
            }
        }

        return entries;
    }

    /// <summary>When a Lease was first taken by somebody else than <paramref name="before"/>, after a moment; null while it was not.</summary>
    public Entry? TakenOver(string lease, string before, DateTimeOffset after)
        => Read().FirstOrDefault(entry => entry is { Resource: "leases", Succeeded: true, Holder.Length: > 0 } && entry.Name == lease && entry.Holder != before && entry.Answered > after);

    /// <summary>
    /// The writes of leaders that came when their Lease was another's, or was last renewed longer than <paramref name="bound"/> ago. A Lease
    /// is taken between the moments when the request comes and when its answer is noted, so either counts in the writer's favour.
    /// </summary>
    public static IReadOnlyList<string> Late(IReadOnlyList<Entry> entries, TimeSpan bound)
    {
        var late = new List<string>();
        var claims = entries.Where(entry => entry is { Resource: "leases", Succeeded: true }).ToLookup(entry => entry.Name);
        foreach (var write in entries.Where(entry => entry is { Lease.Length: > 0, Succeeded: true } && entry.Resource != "leases"))
        {
            var what = $"{write.Host} wrote {write.Resource} {write.Name} at {write.Received:HH:mm:ss.fff} under {write.Lease}";
            var own = claims[write.Lease].Where(claim => claim.Holder.StartsWith(write.Host + "_", StringComparison.Ordinal) && claim.Received <= write.Received).MaxBy(claim => claim.Received);
            if (own is null)
            {
                late.Add($"{what}, which it never held");
            }
            else if (claims[write.Lease].FirstOrDefault(claim => claim.Holder != own.Holder && claim.Received > own.Received && claim.Answered < write.Received) is { } other)
            {
                late.Add($"{what}, which was {(other.Holder.Length > 0 ? other.Holder + "'s" : "free")} since {other.Answered:HH:mm:ss.fff}");
            }
            else if (write.Received - own.Answered > bound)
            {
                late.Add($"{what}, {(write.Received - own.Answered).TotalSeconds:0.00} s after it was last renewed");
            }
        }

        return late;
    }

    private static Entry Parse(JsonNode line)
    {
        var agent = (string?)line["userAgent"] ?? "";
        var open = agent.IndexOf(" (", StringComparison.Ordinal);
        var (client, lease) = open < 0 ? (agent, "") : (agent[..open], agent[(open + 2)..^1]);
        return new Entry(
            client.StartsWith("serving/", StringComparison.Ordinal) ? client["serving/".Length..] : "",
            lease,
            (string)line["verb"]!,
            (string?)line["objectRef"]!["resource"] ?? "",
            (string?)line["objectRef"]!["name"] ?? "",
            (string?)line["objectRef"]!["resourceVersion"] ?? "",
            (int)line["responseStatus"]!["code"]!,
            (string?)line["requestObject"]?["spec"]?["holderIdentity"] ?? "",
            Time(line["requestReceivedTimestamp"]!),
            Time(line["stageTimestamp"]!));
    }

    private static DateTimeOffset Time(JsonNode text) => DateTimeOffset.Parse((string)text!, System.Globalization.CultureInfo.InvariantCulture);
}

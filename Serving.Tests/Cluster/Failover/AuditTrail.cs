using System.Text.Json.Nodes;

namespace Serving.Tests.Cluster.Failover;

/// <summary>The writes in the API server's audit log, in the order of their responses.</summary>
internal sealed class AuditTrail(string path)
{
    private static readonly string[] Writes = ["update", "patch"];

    /// <summary>One write.</summary>
    /// <param name="Host">The pod name of the writing host; empty for other clients.</param>
    /// <param name="Lease">The Lease of the write; empty for writes without one.</param>
    /// <param name="Verb">The verb: create, update, patch or delete.</param>
    /// <param name="Resource">The plural name of the resource.</param>
    /// <param name="Name">The name of the object.</param>
    /// <param name="Version">The resourceVersion that it is based on; empty without one.</param>
    /// <param name="Status">The HTTP status of the response.</param>
    /// <param name="Holder">For a write of a Lease: the holder.</param>
    /// <param name="Received">When the request was received.</param>
    /// <param name="Answered">When the response was sent.</param>
    internal sealed record Entry(
        string Host,
        string Lease,
        string Verb,
        string Resource,
        string Name,
        string Version,
        int Status,
        string Holder,
        DateTimeOffset Received,
        DateTimeOffset Answered
    )
    {
        public bool Succeeded => Status is >= 200 and < 300;

        public bool Changes => Writes.Contains(Verb);
    }

    /// <summary>All writes so far.</summary>
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

    /// <summary>When another holder than <paramref name="before"/> first acquired a Lease, after a given time; null until then.</summary>
    public Entry? TakenOver(string lease, string before, DateTimeOffset after) =>
        Read()
            .FirstOrDefault(entry =>
                entry is { Resource: "leases", Succeeded: true, Holder.Length: > 0 }
                && entry.Name == lease
                && entry.Holder != before
                && entry.Answered > after
            );

    /// <summary>
    /// The writes of leaders while another process held their Lease, or more than <paramref name="bound"/> after its last renewal. A Lease
    /// changes its holder between the request and the logged response, so both times count in the writer's favour.
    /// </summary>
    public static IReadOnlyList<string> Late(IReadOnlyList<Entry> entries, TimeSpan bound)
    {
        var late = new List<string>();
        var claims = entries.Where(entry => entry is { Resource: "leases", Succeeded: true }).ToLookup(entry => entry.Name);
        foreach (var write in entries.Where(entry => entry is { Lease.Length: > 0, Succeeded: true } && entry.Resource != "leases"))
        {
            var what = $"{write.Host} wrote {write.Resource} {write.Name} at {write.Received:HH:mm:ss.fff} under {write.Lease}";
            var own = claims[write.Lease]
                .Where(claim => claim.Holder.StartsWith(write.Host + "_", StringComparison.Ordinal) && claim.Received <= write.Received)
                .MaxBy(claim => claim.Received);
            if (own is null)
            {
                late.Add($"{what}, which it never held");
            }
            else if (
                claims[write.Lease]
                    .FirstOrDefault(claim =>
                        claim.Holder != own.Holder && claim.Received > own.Received && claim.Answered < write.Received
                    ) is
                { } other
            )
            {
                late.Add(
                    $"{what}, which was {(other.Holder.Length > 0 ? other.Holder + "'s" : "free")} since {other.Answered:HH:mm:ss.fff}"
                );
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
            Time(line["stageTimestamp"]!)
        );
    }

    private static DateTimeOffset Time(JsonNode text) =>
        DateTimeOffset.Parse((string)text!, System.Globalization.CultureInfo.InvariantCulture);
}

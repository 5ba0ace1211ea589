namespace Serving.Host.Local.Terminal;

/// <summary>Plain lines for pipes and logs: one line when a revision's state changes.</summary>
internal sealed class PlainTerminal(TextWriter output, TimeProvider time) : ITerminal
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(500);

    public void Line(string text) => output.WriteLine(text);

    public async Task ShowAsync(ClusterView view, string title, CancellationToken cancellation)
    {
        var shown = new Dictionary<string, RevisionRow>();
        long? seen = null;
        using var timer = new PeriodicTimer(Interval, time);
        while (!cancellation.IsCancellationRequested && await timer.WaitForNextTickAsync(cancellation))
        {
            var changes = view.Changes;
            if (changes == seen)
                continue;
            seen = changes;
            var rows = view.Rows();
            foreach (var row in rows)
            {
                var before = shown.GetValueOrDefault(KeyOf(row));
                if (before is null || before with { Requests = row.Requests } != row)
                {
                    Say(
                        row,
                        row.Revision.Length == 0
                            ? $"{row.ServiceReady}  no revision yet"
                            : $"{row.ServiceReady}  pods {row.ReadyPods}/{row.Pods} wanted {row.WantedPods?.ToString() ?? "?"}  requests {row.Requests}"
                    );
                    shown[KeyOf(row)] = row;
                }
            }

            foreach (var (key, row) in shown.ExceptBy(rows.Select(KeyOf), entry => entry.Key).ToList())
            {
                shown.Remove(key);
                if (!view.Exists(row))
                {
                    Say(row, "deleted");
                }
                else if (row.Revision.Length > 0)
                {
                    Say(row, "no traffic, no pods");
                }
            }
        }
    }

    private static string KeyOf(RevisionRow row) => row.Service + "/" + row.Revision;

    private void Say(RevisionRow row, string what) =>
        output.WriteLine($"{time.GetLocalNow():HH:mm:ss}  {row.Service}  {(row.Revision.Length > 0 ? row.Revision + "  " : "")}{what}");
}

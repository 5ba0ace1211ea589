using Spectre.Console;

namespace Serving.Host.Local.Terminal;

/// <summary>A table on a terminal that follows the cluster.</summary>
internal sealed class LiveTerminal(IAnsiConsole console, TimeProvider time) : ITerminal
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(500);

    public void Line(string text) => console.WriteLine(text);

    public async Task ShowAsync(ClusterView view, string title, CancellationToken cancellation)
    {
        var counts = new Dictionary<string, long>();
        await console.Live(Table(view.Rows(), title, counts)).AutoClear(false).StartAsync(async live =>
        {
            using var timer = new PeriodicTimer(Interval, time);
            while (await timer.WaitForNextTickAsync(cancellation))
            {
                live.UpdateTarget(Table(view.Rows(), title, counts));
            }
        });
    }

    private static Table Table(IReadOnlyList<RevisionRow> rows, string title, Dictionary<string, long> counts)
    {
        var table = new Table().Border(TableBorder.Rounded).Title(Markup.Escape(title));
        table.AddColumns("service", "state", "revision", "traffic", "pods", "requests", "req/s");
        foreach (var row in rows)
        {
            var key = row.Service + "/" + row.Revision;
            var rate = (row.Requests - counts.GetValueOrDefault(key, row.Requests)) / Interval.TotalSeconds;
            counts[key] = row.Requests;
            table.AddRow(
                Markup.Escape(row.Service),
                row.ServiceReady == "Ready" ? "[green]Ready[/]" : $"[yellow]{Markup.Escape(row.ServiceReady)}[/]",
                Markup.Escape(row.Revision),
                row.Percent is { } percent ? $"{percent}%" : "",
                Pods(row),
                $"{row.Requests}",
                $"{rate:0}");
        }

        if (rows.Count == 0)
        {
            table.AddRow("[grey]none yet: kubectl apply -f samples/helloworld.yaml[/]");
        }

        return table;
    }

    private static string Pods(RevisionRow row)
    {
        var dots = new string('●', Math.Min(row.ReadyPods, 20)) + new string('○', Math.Clamp(row.Pods - row.ReadyPods, 0, 20));
        var wanted = row.WantedPods is { } pods && pods != row.Pods ? $" → {pods}" : "";
        return $"[green]{dots}[/] {row.ReadyPods}{wanted}";
    }
}

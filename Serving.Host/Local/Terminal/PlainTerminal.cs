namespace Serving.Host.Local.Terminal;

/// <summary>Plain lines, for pipes and logs: a line when a revision's state changes.</summary>
internal sealed class PlainTerminal(TextWriter output, TimeProvider time) : ITerminal
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(500);

    public void Line(string text) => output.WriteLine(text);

    public async Task ShowAsync(ClusterView view, string title, CancellationToken cancellation)
    {
        var shown = new Dictionary<string, RevisionRow>();
        using var timer = new PeriodicTimer(Interval, time);
        while (!cancellation.IsCancellationRequested && await timer.WaitForNextTickAsync(cancellation))
        {
            foreach (var row in view.Rows())
            {
                var before = shown.GetValueOrDefault(row.Service + "/" + row.Revision);
                if (before is null || before with { Requests = row.Requests } != row)
                {
                    output.WriteLine($"{time.GetLocalNow():HH:mm:ss}  {row.Service}  {row.Revision}  {row.ServiceReady}  pods {row.ReadyPods}/{row.Pods} wanted {row.WantedPods?.ToString() ?? "?"}  requests {row.Requests}");
                    shown[row.Service + "/" + row.Revision] = row;
                }
            }
        }
    }
}

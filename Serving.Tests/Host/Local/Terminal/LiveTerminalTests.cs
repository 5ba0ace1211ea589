using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Host.Local.Terminal;
using Serving.Kubernetes;
using Serving.Tests.Support;

namespace Serving.Tests.Host.Local.Terminal;

public sealed class LiveTerminalTests
{
    private static readonly (int Width, int Height)[] Sizes = [(80, 24), (20, 6), (80, 3), (200, 60), (10, 1), (30, 24), (80, 24)];
    private readonly ManualTimeProvider _time = new();

    [Test]
    public async Task Follows_every_change_of_size([Values(0, 1, 50)] int services)
    {
        var cluster = Cluster(services);
        var terminal = new VirtualTerminal(80, 24);
        await using var shown = Show(cluster, terminal);

        foreach (var (width, height) in Sizes)
        {
            terminal.Resize(width, height);
            _time.Advance(TimeSpan.FromSeconds(1));
            await Eventually.HoldsAsync(() =>
            {
                _time.Advance(TimeSpan.FromMilliseconds(500));
                var expected = LiveFrame.Lines(Rows(cluster), "title", width, height, colors: false);
                terminal.Screen.Should().EndWith(expected, "the view fits {0} by {1}", width, height);
                terminal.Screen.Count(line => line == expected[0]).Should().Be(1, "no rest of another frame is left");
            });
        }
    }

    [Test]
    public async Task Keeps_what_was_said_before_it_and_what_is_said_meanwhile()
    {
        var terminal = new VirtualTerminal(60, 20);
        await using var shown = Show(Cluster(1), terminal);

        await SeenAsync("API server", "title");
        shown.Terminal.Line("news");
        await SeenAsync("API server", "news", "title");
        terminal.Resize(50, 15);
        await SeenAsync("API server", "news", "title");

        Task SeenAsync(params string[] first) =>
            Eventually.HoldsAsync(() =>
            {
                _time.Advance(TimeSpan.FromMilliseconds(500));
                terminal.Screen.Take(first.Length).Should().Equal(first);
            });
    }

    [Test]
    public async Task Leaves_the_last_frame_and_the_cursor_behind()
    {
        var terminal = new VirtualTerminal(60, 20);
        await using (Show(Cluster(1), terminal))
        {
            await Eventually.HoldsAsync(() => terminal.IsCursorVisible.Should().BeFalse());
        }

        terminal.IsCursorVisible.Should().BeTrue();
        terminal.Screen.Should().Contain("title");
    }

    private static IReadOnlyList<LiveRow> Rows(InMemoryCluster cluster) =>
        [.. new ClusterView(cluster, static () => new Dictionary<ObjectKey, long>()).Rows().Select(row => new LiveRow(row, 0))];

    private InMemoryCluster Cluster(int services)
    {
        var cluster = new InMemoryCluster(_time);
        for (var i = 0; i < services; i++)
        {
            cluster.Put(
                Resources.KnativeServices,
                new Service
                {
                    Metadata = new ObjectMeta { Name = $"hello-{i:00}", Namespace = "default" },
                }
            );
        }

        return cluster;
    }

    private Shown Show(InMemoryCluster cluster, VirtualTerminal terminal)
    {
        var live = new LiveTerminal(terminal.Console, _time);
        live.Line("API server");
        var stop = new CancellationTokenSource();
        return new(
            live,
            live.ShowAsync(new ClusterView(cluster, static () => new Dictionary<ObjectKey, long>()), "title", stop.Token),
            stop
        );
    }

    private sealed record Shown(LiveTerminal Terminal, Task Showing, CancellationTokenSource Stop) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            await Stop.CancelAsync();
            await Showing.ContinueWith(_ => { }, TaskScheduler.Default);
            Stop.Dispose();
        }
    }
}

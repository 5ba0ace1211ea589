using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Host.Local.Terminal;
using Serving.Kubernetes;
using Serving.Tests.Support;

namespace Serving.Tests.Host.Local;

public sealed class PlainTerminalTests
{
    [Test]
    public void Reads_the_counters_once_for_all_rows()
    {
        var cluster = new InMemoryCluster(new ManualTimeProvider());
        foreach (var name in (string[])["one", "two", "three"])
        {
            cluster.Put(
                Resources.Revisions,
                new Revision
                {
                    Metadata = new ObjectMeta { Name = name, Namespace = "default" },
                }
            );
        }

        var reads = 0;
        var view = new ClusterView(
            cluster,
            () =>
            {
                reads++;
                return new Dictionary<ObjectKey, long> { [new("default", "two")] = 7 };
            }
        );

        view.Rows().Select(row => row.Requests).Should().Equal(0, 0, 7);
        reads.Should().Be(1, "a pass over all counters for each row takes a time that grows with the square of the number of Services");
    }

    [Test]
    public async Task Reads_nothing_while_nothing_changes()
    {
        var time = new ManualTimeProvider();
        var cluster = new InMemoryCluster(time);
        var reads = 0;
        var view = new ClusterView(
            cluster,
            () =>
            {
                Interlocked.Increment(ref reads);
                return new Dictionary<ObjectKey, long>();
            }
        );
        using var stop = new CancellationTokenSource();
        var showing = new PlainTerminal(TextWriter.Null, time).ShowAsync(view, "", stop.Token);
        var expected = 0;
        foreach (var name in (string[])["one", "two"])
        {
            cluster.Put(
                Resources.KnativeServices,
                new Service
                {
                    Metadata = new ObjectMeta { Name = name, Namespace = "default" },
                }
            );
            expected++;
            for (var tick = 0; tick < 5; tick++)
            {
                time.Advance(TimeSpan.FromMilliseconds(500));
                await Eventually.HoldsAsync(() => Volatile.Read(ref reads).Should().Be(expected));
            }
        }

        await stop.CancelAsync();
        await showing.ContinueWith(_ => { }, TaskScheduler.Default);
    }

    [Test]
    public async Task Tells_of_Services_without_a_revision_and_of_what_is_deleted()
    {
        var time = new ManualTimeProvider();
        var cluster = new InMemoryCluster(time);
        var output = new StringWriter();
        using var stop = new CancellationTokenSource();
        cluster.Put(
            Resources.KnativeServices,
            new Service
            {
                Metadata = new ObjectMeta { Name = "hello", Namespace = "default" },
            }
        );
        var showing = new PlainTerminal(TextWriter.Synchronized(output), time).ShowAsync(
            new ClusterView(cluster, static () => new Dictionary<ObjectKey, long>()),
            "",
            stop.Token
        );

        await SaysAsync("default/hello  Starting  no revision yet");

        var labels = new Dictionary<string, string> { ["serving.knative.dev/service"] = "hello" };
        cluster.Put(
            Resources.Revisions,
            new Revision
            {
                Metadata = new ObjectMeta
                {
                    Name = "hello-00001",
                    Namespace = "default",
                    Labels = labels,
                },
            }
        );
        await SaysAsync("default/hello  hello-00001  Starting  pods 0/0");

        await cluster.DeleteAsync(Resources.Revisions, "default", "hello-00001", CancellationToken.None);
        await SaysAsync("default/hello  hello-00001  deleted");
        await cluster.DeleteAsync(Resources.KnativeServices, "default", "hello", CancellationToken.None);
        await SaysAsync("default/hello  deleted");

        await stop.CancelAsync();
        await showing.ContinueWith(_ => { }, TaskScheduler.Default);

        Task SaysAsync(string line) =>
            Eventually.HoldsAsync(() =>
            {
                time.Advance(TimeSpan.FromMilliseconds(500));
                output.ToString().Should().Contain(line);
            });
    }
}

using System.Diagnostics;
using System.Diagnostics.Metrics;
using FluentAssertions;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using NUnit.Framework;
using Serving.Activator.ColdStarts;
using Serving.Api.Core;
using Serving.Kubernetes;
using Serving.Observability.Logging;
using Serving.Observability.Telemetry;
using Serving.Tests.Observability.Otlp;
using Serving.Tests.Support;

namespace Serving.Tests.Activator.ColdStarts;

/// <summary>The cold starts of one revision in virtual time; the test is the autoscaler, the cluster and the request.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class RevisionColdStartsTests : IDisposable
{
    private const string Address = "10.0.0.7:8012";

    // Not a whole second, as most of the time.
    private readonly ManualTimeProvider _time = new(new DateTimeOffset(2026, 3, 1, 12, 0, 0, 250, TimeSpan.Zero));
    private readonly RecordingLogs _logs = new();
    private readonly List<(string Name, string Attribute, double Seconds, Activity? Activity)> _recorded = [];
    private readonly MeterListener _listener = new();
    private readonly ColdStartRecorder _recorder;
    private readonly RevisionColdStarts _starts;

    public RevisionColdStartsTests()
    {
        _listener.InstrumentPublished = static (instrument, listener) =>
        {
            if (instrument.Meter.Name == ColdStartRecorder.MeterName && !instrument.IsObservable)
                listener.EnableMeasurementEvents(instrument);
        };
        _listener.SetMeasurementEventCallback<double>(
            (instrument, value, tags, _) => _recorded.Add((instrument.Name, (string)tags[0].Value!, Math.Round(value, 3), Activity.Current))
        );
        _listener.Start();
        _recorder = new ColdStartRecorder(static () => [], _time, _logs.CreateLogger("Serving.Activator"));
        _starts = new RevisionColdStarts(new ObjectKey("ns", "rev"), _recorder);
    }

    public void Dispose()
    {
        _listener.Dispose();
        _recorder.Dispose();
        _logs.Dispose();
    }

    [Test]
    public void A_cold_start_is_taken_apart_by_what_the_autoscaler_tells_and_what_the_pod_reports()
    {
        var request = _starts.Join()!;
        Pass(0.030);
        _starts.Scaled(writeTime: TimeSpan.FromSeconds(0.010));
        Pass(0.470);
        Observe(Pod());
        Pass(0.5); // 1.0 s after the arrival, 12:00:01.250
        Observe(Pod(scheduled: "12:00:00")); // the reported second began 0.25 s before the arrival
        Pass(2); // 12:00:03.250
        Observe(Pod(scheduled: "12:00:00", started: ["12:00:02", "12:00:02"]));
        Pass(1); // 12:00:04.250
        var answer = new Answer();
        var forwarded = _starts.BeginAnswer(answer.Context, Address)!;
        Pass(0.2);
        answer.Begin();
        _starts.EndAnswer(forwarded);
        _starts.Leave(request);

        Phases()
            .Should()
            .Equal(
                ("decide", 0.02),
                ("scale_write", 0.01),
                ("schedule", 0.22), // until 0.25: 12:00:00 plus half a second
                ("image_pull", 2.0), // until 2.25: 12:00:02 plus half a second
                ("container_start", 0),
                ("ready", 1.75),
                ("first_byte", 0.2)
            );
        Total().Should().Be(4.2);
        _starts.Total.Should().Be((1, 4.2));
        _logs.Text.Should().BeEmpty("it took less than five seconds");
    }

    [Test]
    public void It_is_recorded_with_the_report_of_the_kubelet_though_that_comes_after_the_response()
    {
        var request = _starts.Join()!;
        _starts.Scaled(TimeSpan.Zero);
        Observe(Pod(scheduled: "12:00:00"));
        Pass(0.4);
        AnswerWith(Address);
        _starts.Leave(request);
        _recorded.Should().BeEmpty("the pod has not reported its containers");

        Pass(1);
        _recorder.Sweep();
        _recorded.Should().BeEmpty();
        Observe(Pod(scheduled: "12:00:00", started: ["12:00:00", "12:00:00"]));

        Total().Should().Be(0.4, "the duration ended with the response");
        Phases().Sum(static phase => phase.Seconds).Should().BeApproximately(0.4, 0.001);
        Phases().Should().HaveCount(7);
    }

    [Test]
    public void It_is_recorded_without_that_report_after_a_few_seconds()
    {
        var request = _starts.Join()!;
        AnswerWith(Address);
        _starts.Leave(request);
        Pass(4.9);
        _recorder.Sweep();
        _recorded.Should().BeEmpty();

        Pass(0.1);
        _recorder.Sweep();
        _recorder.Sweep();

        Total().Should().Be(0);
        _starts.Total.Count.Should().Be(1);
    }

    [Test]
    public void Requests_that_wait_together_are_one_cold_start_and_the_first_that_came_is_measured()
    {
        var first = _starts.Join()!;
        Pass(1);
        var second = _starts.Join();
        second.Should().BeSameAs(first);
        Observe(Pod(scheduled: "12:00:01", started: ["12:00:01"]));
        Pass(1);
        AnswerWith(Address);
        _starts.BeginAnswer(new Answer().Context, Address).Should().BeNull("one response ends it");
        _starts.Leave(first);
        _starts.Leave(second!);

        Total().Should().Be(2);
        _starts.Total.Count.Should().Be(1);
    }

    [Test]
    public void A_request_that_waits_though_there_are_pods_is_no_cold_start()
    {
        Observe(Pod());

        _starts.Join().Should().BeNull();
    }

    [Test]
    public void A_terminating_pod_is_no_pod()
    {
        Observe(Pod());
        Observe(Pod() with { Metadata = Pod().Metadata with { DeletionTimestamp = _time.GetUtcNow() } });

        _starts.Join().Should().NotBeNull();
    }

    [Test]
    public void When_every_request_has_left_it_goes_on_and_a_retry_joins_it()
    {
        var first = _starts.Join()!;
        _starts.Scaled(TimeSpan.Zero);
        Pass(10);
        _starts.Leave(first);
        Pass(50);
        Observe(Pod(scheduled: "12:00:01"));
        Pass(2);
        var retry = _starts.Join()!;
        retry.Should().BeSameAs(first);
        Pass(0.5);
        Observe(Pod(scheduled: "12:00:01", started: ["12:01:02"]));
        AnswerWith(Address);
        _starts.Leave(retry);

        Total().Should().Be(62.5);
        Outcome().Should().Be("served");
        _starts.Total.Should().Be((1, 62.5));
        _starts.Join().Should().BeNull("the revision has a pod");
    }

    [Test]
    public void It_is_abandoned_when_a_pod_is_ready_and_nobody_came_back()
    {
        using var activity = new Activity("request").Start();
        var first = _starts.Join()!;
        Activity.Current = null;
        _starts.Scaled(TimeSpan.Zero);
        Pass(1);
        Observe(Pod(scheduled: "12:00:01"));
        Pass(9);
        _starts.Leave(first);
        Pass(51);
        Observe(Pod(scheduled: "12:00:01", started: ["12:01:01"]));
        _recorded.Should().BeEmpty("its pod is not ready");
        Pass(2);
        Observe(Ready(Pod(scheduled: "12:00:01", started: ["12:01:01"])));
        Observe(Ready(Pod(scheduled: "12:00:01", started: ["12:01:01"])));
        _recorder.Sweep();

        Total().Should().Be(63);
        Outcome().Should().Be("abandoned");
        _starts.Total.Should().Be((1, 63));
        Phases()
            .Select(static phase => phase.Phase)
            .Should()
            .Equal("decide", "scale_write", "schedule", "image_pull", "container_start", "ready");
        Phases().Sum(static phase => phase.Seconds).Should().BeApproximately(63, 0.001);
        _recorded.Should().OnlyContain(one => one.Activity == activity);
        _logs
            .Text.Should()
            .StartWith("Warning Serving.Activator The cold start of revision ns/rev took 63 s, of which 60 s in phase image_pull (")
            .And.Contain("and was abandoned");
    }

    [Test]
    public void It_is_abandoned_when_the_pod_accepted_the_request_and_the_client_left_before_the_response()
    {
        var first = _starts.Join()!;
        Pass(2);
        Observe(Ready(Pod(scheduled: "12:00:01", started: ["12:00:01"])));
        var forwarded = _starts.BeginAnswer(new Answer().Context, Address)!;
        Pass(8);
        Observe(Ready(Pod(scheduled: "12:00:01", started: ["12:00:01"])));
        _recorded.Should().BeEmpty("its request may be answered");
        _starts.EndAnswer(forwarded);
        _starts.Leave(first);

        Total().Should().Be(10);
        Outcome().Should().Be("abandoned");
        Phases().Should().Contain(("first_byte", 8));
    }

    [Test]
    public void A_crash_loop_is_abandoned_when_its_scale_is_gone()
    {
        var first = _starts.Join()!;
        _starts.Scaled(TimeSpan.Zero);
        Observe(Pod(scheduled: "12:00:00", started: ["12:00:00"]));
        Pass(10);
        _starts.Leave(first);
        Pass(80);
        _recorder.Sweep();
        _recorded.Should().BeEmpty("its pod may become ready");
        _starts.Remove(Pod());

        Total().Should().Be(90);
        Outcome().Should().Be("abandoned");
        Phases().Should().HaveCount(6).And.EndWith([("ready", 90)]);
        _starts.Join().Should().NotBeNull().And.NotBeSameAs(first);
    }

    [Test]
    public void It_is_abandoned_when_no_pod_comes_within_a_minute_after_the_last_request()
    {
        var first = _starts.Join()!;
        Pass(10);
        _starts.Leave(first);
        Pass(59.9);
        _recorder.Sweep();
        _recorded.Should().BeEmpty();
        Pass(0.1);
        _recorder.Sweep();

        Total().Should().Be(10, "nobody waited after that");
        Phases().Should().Equal([("decide", 10)]);
        _recorder.Sweep();
        _starts.Total.Should().Be((1, 10));
    }

    [Test]
    public void One_that_is_abandoned_does_not_stop_the_wait_for_the_status_of_the_one_before()
    {
        var first = _starts.Join()!;
        Pass(1);
        Observe(Pod(scheduled: "12:00:01"));
        AnswerWith(Address);
        _starts.Leave(first);
        _starts.Remove(Pod());
        var second = _starts.Join()!;
        _starts.Leave(second);
        Observe(Pod("uid-2"));
        _starts.Remove(Pod("uid-2"));
        Outcome().Should().Be("abandoned", "the one before waits for its pod's status");
        Pass(5);
        _recorder.Sweep();

        _starts.Total.Count.Should().Be(2);
    }

    [Test]
    public void It_is_abandoned_with_its_revision()
    {
        var first = _starts.Join()!;
        Pass(6);
        _starts.Close();
        _recorded.Should().BeEmpty("its request has not ended");
        _starts.Leave(first);

        Total().Should().Be(6);
        Outcome().Should().Be("abandoned");
    }

    [Test]
    public void An_error_response_of_ours_does_not_end_it()
    {
        var request = _starts.Join()!;
        Pass(1);
        var answer = new Answer();
        _starts.EndAnswer(_starts.BeginAnswer(answer.Context, Address)!);
        answer.Begin();
        _starts.Leave(request);
        _starts.Settle(now: true);

        _recorded.Should().BeEmpty();
        _starts.Total.Count.Should().Be(0);
    }

    [Test]
    public void A_request_that_arrives_after_the_scale_was_written_for_another_replica_has_no_time_for_it()
    {
        _starts.Scaled(TimeSpan.FromSeconds(0.1));
        Pass(1);
        var request = _starts.Join()!;
        Pass(0.3);
        Observe(Pod(scheduled: "12:00:01", started: ["12:00:01"]));
        AnswerWith(Address);
        _starts.Leave(request);

        Phases().Should().StartWith([("decide", 0), ("scale_write", 0), ("schedule", 0.3)]);
    }

    [Test]
    public void A_scale_whose_pods_are_gone_again_explains_nothing()
    {
        _starts.Scaled(TimeSpan.FromSeconds(0.1));
        Observe(Pod());
        _starts.Remove(Pod());
        var request = _starts.Join()!;
        AnswerWith(Address);
        _starts.Leave(request);
        _starts.Settle(now: true);

        Phases().Select(static phase => phase.Phase).Should().NotContain("decide");
    }

    [Test]
    public void A_slow_one_is_logged_with_its_longest_phase_and_recorded_in_the_context_of_its_request()
    {
        using var activity = new Activity("request").Start();
        var request = _starts.Join()!;
        Activity.Current = null;
        _starts.Scaled(TimeSpan.Zero);
        Pass(1);
        Observe(Pod(scheduled: "12:00:01"));
        Pass(6);
        Observe(Pod(scheduled: "12:00:01", started: ["12:00:07"]));
        AnswerWith(Address);
        _starts.Leave(request);

        _recorded.Should().HaveCount(8).And.OnlyContain(one => one.Activity == activity);
        Activity.Current.Should().BeNull();
        _logs
            .Text.Should()
            .StartWith(
                "Warning Serving.Activator The cold start of revision ns/rev took 7 s, of which 6 s in phase image_pull (decide 0.000 s,"
            );
    }

    [Test]
    public void The_event_of_one_whose_report_comes_after_the_response_names_the_trace_too()
    {
        using var output = new MemoryStream();
        using (var provider = new StructuredLoggerProvider(new LogOptions { Output = output }, _time))
        using (var recorder = new ColdStartRecorder(static () => [], _time, provider.CreateLogger("Serving.Activator")))
        {
            var starts = new RevisionColdStarts(new ObjectKey("ns", "rev"), recorder);
            using var activity = new Activity("request") { ActivityTraceFlags = ActivityTraceFlags.Recorded }.Start();
            var request = starts.Join()!;
            Pass(6);
            var answer = new Answer();
            var forwarded = starts.BeginAnswer(answer.Context, Address)!;
            answer.Begin();
            starts.EndAnswer(forwarded);
            starts.Leave(request);
            activity.Stop();
            starts.Settle(now: true);
            Written(provider, output).Should().Contain($"\"knative.dev/traceid\":\"{activity.TraceId}\"").And.Contain("serving.cold_start");
        }

        static string Written(StructuredLoggerProvider provider, MemoryStream output)
        {
            provider.Dispose();
            return System.Text.Encoding.UTF8.GetString(output.ToArray());
        }
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task A_pushed_duration_has_the_trace_as_exemplar_where_traces_are_exported(bool tracing)
    {
        await using var collector = await OtlpReceiver.StartAsync();
        using var activity = new Activity("request") { ActivityTraceFlags = ActivityTraceFlags.Recorded };
        using (
            TelemetryExport.Start(
                new TelemetryOptions("test")
                {
                    MetricsProtocol = TelemetryOptions.HttpProtobuf,
                    MetricsEndpoint = collector.Endpoint(TelemetryOptions.HttpProtobuf, "metrics"),
                    Meters = [ColdStartRecorder.MeterName],
                    HasExemplars = tracing,
                },
                new ExportFailures()
            )
        )
        {
            activity.Start();
            var request = _starts.Join()!;
            Pass(1);
            AnswerWith(Address);
            _starts.Leave(request);
            activity.Stop();
            _starts.Settle(now: true);
        }

        var traces = collector.Received.Where(static one => one.Name == "serving.cold_start.duration").ToList();
        traces.Should().NotBeEmpty();
        var exemplars = traces.SelectMany(static one => one.Traces).ToList();
        if (tracing)
            exemplars.Should().Contain(activity.TraceId.ToHexString());
        else
            exemplars.Should().BeEmpty();
    }

    [Test]
    public void Only_the_first_pods_are_kept_in_mind_and_the_one_that_answered_counts()
    {
        var request = _starts.Join()!;
        _starts.Scaled(TimeSpan.Zero);
        for (var number = 0; number < 1000; number++)
        {
            Observe(Pod($"uid-{number}", $"10.1.{number / 250}.{number % 250}", scheduled: "12:00:00", started: ["12:00:00"]));
        }

        Pass(1);
        Observe(Pod("uid-3", "10.1.0.3", scheduled: "12:00:00", started: ["12:00:00"]));
        AnswerWith("10.1.0.3:8012");
        _starts.Leave(request);

        Phases().Should().HaveCount(7);
    }

    private void Pass(double seconds) => _time.Advance(TimeSpan.FromSeconds(seconds));

    private void Observe(Pod pod) => _starts.Observe(pod);

    private void AnswerWith(string address)
    {
        var answer = new Answer();
        var forwarded = _starts.BeginAnswer(answer.Context, address)!;
        answer.Begin();
        _starts.EndAnswer(forwarded);
    }

    private List<(string Phase, double Seconds)> Phases() =>
        [
            .. _recorded
                .Where(static one => one.Name == "serving.cold_start.phase.duration")
                .Select(static one => (one.Attribute, one.Seconds)),
        ];

    private string Outcome() => _recorded.Single(static one => one.Name == "serving.cold_start.duration").Attribute;

    private double Total() => _recorded.Single(static one => one.Name == "serving.cold_start.duration").Seconds;

    private static Pod Pod(string uid = "uid-1", string ip = "10.0.0.7", string? scheduled = null, string[]? started = null) =>
        new()
        {
            Metadata = new ObjectMeta
            {
                Namespace = "ns",
                Name = uid,
                Uid = uid,
            },
            Spec = new PodSpec { Containers = [.. (started ?? ["", ""]).Select(static (_, i) => new Container { Name = $"c{i}" })] },
            Status = new PodStatus
            {
                Phase = "Pending",
                PodIP = scheduled is null ? "" : ip,
                Conditions = scheduled is null
                    ? []
                    :
                    [
                        new Condition
                        {
                            Type = "PodScheduled",
                            Status = "True",
                            LastTransitionTime = At(scheduled),
                        },
                    ],
                ContainerStatuses =
                [
                    .. (started ?? []).Select(
                        static (time, i) =>
                            new ContainerStatus
                            {
                                Name = $"c{i}",
                                State = new ContainerState { Running = new ContainerStateRunning { StartedAt = At(time) } },
                            }
                    ),
                ],
            },
        };

    private static Pod Ready(Pod pod) =>
        pod with
        {
            Status = pod.Status! with { Conditions = [.. pod.Status.Conditions, new Condition { Type = "Ready", Status = "True" }] },
        };

    private static DateTimeOffset At(string time) =>
        DateTimeOffset.Parse($"2026-03-01T{time}Z", System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>A response whose beginning the test decides.</summary>
    private sealed class Answer : HttpResponseFeature
    {
        private readonly List<(Func<object, Task> Callback, object State)> _starting = [];

        public Answer()
        {
            Context = new DefaultHttpContext();
            Context.Features.Set<IHttpResponseFeature>(this);
        }

        public HttpContext Context { get; }

        public override void OnStarting(Func<object, Task> callback, object state) => _starting.Add((callback, state));

        public void Begin()
        {
            foreach (var (callback, state) in _starting)
                callback(state).IsCompletedSuccessfully.Should().BeTrue();
        }
    }
}

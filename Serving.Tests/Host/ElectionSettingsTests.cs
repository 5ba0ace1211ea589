using System.Net;
using System.Text.Json;
using FluentAssertions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;
using Serving.Host.Composition;
using Serving.Kubernetes.Hosting;
using Serving.Kubernetes.Leadership;
using Serving.Tests.Kubernetes;

namespace Serving.Tests.Host;

/// <summary>What config-leader-election says is read before anything runs; nothing in it may keep the process from starting.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class ElectionSettingsTests
{
    private readonly ClusterEnvironment _environment = new("knative-serving", "cluster.local", "pod", IPAddress.Loopback);
    private FakeApiServer _server = null!;

    [SetUp]
    public async Task StartAsync() => _server = await FakeApiServer.StartAsync();

    [TearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [TestCase("lease-duration", "soon", "failed to parse \"lease-duration\"")]
    [TestCase("buckets", "0", "buckets: value must be between")]
    [TestCase("renew-deadline", "1h", "must be longer than renew-deadline")]
    public async Task A_value_that_cannot_be_is_said_and_the_defaults_hold(string key, string value, string reason)
    {
        Answer((key, value));
        var log = new RecordedErrors();

        var settings = await ReadAsync(log);

        settings.Times.LeaseDuration.Should().Be(TimeSpan.FromSeconds(60));
        settings.Buckets.Should().Be(1);
        log.Errors.Should().ContainSingle().Which.Should().Contain("knative-serving/config-leader-election").And.Contain(reason);
    }

    [Test]
    public async Task Values_that_are_good_hold_from_the_start()
    {
        Answer(("lease-duration", "15s"), ("renew-deadline", "10s"), ("retry-period", "2s"), ("buckets", "3"));

        var settings = await ReadAsync(NullLoggerFactory.Instance);

        settings
            .Times.Should()
            .Match<LeaderElectionOptions>(times =>
                times.LeaseDuration == TimeSpan.FromSeconds(15) && times.RetryPeriod == TimeSpan.FromSeconds(2)
            );
        settings.Buckets.Should().Be(3);
    }

    [Test]
    public async Task Without_a_ConfigMap_the_defaults_hold()
    {
        _server.Handler = (context, _) => FakeApiServer.Fail(context, 404, "NotFound");
        (await ReadAsync(NullLoggerFactory.Instance)).Times.RenewDeadline.Should().Be(TimeSpan.FromSeconds(40));
    }

    private Task<ElectionSettings> ReadAsync(ILoggerFactory loggers) =>
        ElectionSettings.ReadAsync(_server.Access, _environment, loggers, CancellationToken.None);

    private void Answer(params (string Key, string Value)[] data)
    {
        var json = JsonSerializer.Serialize(data.ToDictionary(d => d.Key, d => d.Value));
        _server.Handler = (context, _) =>
            FakeApiServer.Json(
                context,
                $$"""{"apiVersion":"v1","kind":"ConfigMap","metadata":{"namespace":"knative-serving","name":"config-leader-election"},"data":{{json}}}"""
            );
    }

    private sealed class RecordedErrors : ILoggerFactory, ILogger
    {
        public List<string> Errors { get; } = [];

        public ILogger CreateLogger(string categoryName) => this;

        public void Log<TState>(
            LogLevel logLevel,
            EventId eventId,
            TState state,
            Exception? exception,
            Func<TState, Exception?, string> formatter
        )
        {
            if (logLevel == LogLevel.Error)
                Errors.Add(formatter(state, exception));
        }

        public bool IsEnabled(LogLevel logLevel) => true;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public void AddProvider(ILoggerProvider provider) { }

        public void Dispose() { }
    }
}

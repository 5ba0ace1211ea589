using System.Net;
using FluentAssertions;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using NUnit.Framework;
using Serving.Host.Composition;
using Serving.Host.Metrics;
using Serving.Kubernetes.Hosting;
using Serving.Observability.Logging;
using Serving.Tests.ConfigMaps;

namespace Serving.Tests.Host;

/// <summary>From config-logging to what the running process writes.</summary>
public sealed class ProcessLogLevelTests
{
    [TestCase("{\"level\":\"debug\"}", LogLevel.Debug)]
    [TestCase("{\"level\":\"warning\"}", LogLevel.Warning)]
    [TestCase("{\"level\":\"error\"}", LogLevel.Error)]
    public void The_level_of_zap_logger_config_is_that_of_parts_without_one_of_their_own(string zap, LogLevel least)
    {
        using var live = new LiveConfig();
        using var logging = new ProcessLogging(new LogOptions());
        using var metrics = new MetricsEndpoint(null, TimeProvider.System);
        var listeners = new PortListeners(new ServiceCollection().BuildServiceProvider());
        var environment = new ClusterEnvironment(LiveConfig.Namespace, "cluster.local", "pod", IPAddress.Loopback);
        using var observability = new ProcessObservability(live.Store, logging, environment, metrics, listeners, TimeProvider.System);
        var controller = logging.Factory.CreateLogger("Serving.Controller.Something");
        var webhook = logging.Factory.CreateLogger("Serving.Webhook.Something");
        Least(controller).Should().Be(LogLevel.Information);

        live.Put("config-logging", ("zap-logger-config", zap), ("loglevel.webhook", "error"));
        Least(controller).Should().Be(least);
        Least(webhook).Should().Be(LogLevel.Error);

        live.Put("config-logging");
        Least(controller).Should().Be(LogLevel.Information);
        Least(webhook).Should().Be(LogLevel.Information);
    }

    private static LogLevel Least(ILogger logger) =>
        Enum.GetValues<LogLevel>().Where(level => level != LogLevel.None).First(logger.IsEnabled);
}

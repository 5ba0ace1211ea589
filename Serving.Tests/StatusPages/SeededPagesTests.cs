using System.Net;
using FluentAssertions;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Playwright;
using NUnit.Framework;
using Serving.Api.Autoscaling;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Api.Networking;
using Serving.Autoscaler.Inspection;
using Serving.Autoscaler.Reconcilers;
using Serving.Autoscaler.Scaling;
using Serving.Kubernetes;
using Serving.Kubernetes.Hosting;
using Serving.StatusPages.Http;
using Serving.Tests.Cluster;
using Serving.Tests.Support;
using static Microsoft.Playwright.Assertions;

namespace Serving.Tests.StatusPages;

/// <summary>Pages in a browser that a small local cluster cannot show: ten minutes of the autoscaler's decisions, by its real decider in
/// virtual time, and the Leases of three replicas.</summary>
[Category("Slow")]
[Parallelizable]
public sealed class SeededPagesTests
{
    private const string Chart = "/status/revisions/default/busy-00001/autoscaler";
    private const int MostPods = 20;

    private StatusWorld _world = null!;
    private StatusEndpoints? _endpoints;
    private ServedPorts? _ports;
    private PageBrowser? _browser;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _world = new StatusWorld();
        _world.Process = _world.Process with { Version = "0.1.0", Leading = ["autoscaler", "controller"] };
        PutScaling();
        PutLeases();
        _endpoints = new StatusEndpoints(_world.Sources, NullLoggerFactory.Instance, _world.Time);
        _ports = await ServedPorts.StartAsync(
            new ServingPort("health", new IPEndPoint(IPAddress.Loopback, 0))
            {
                Serve = port =>
                {
                    port.UseRouting();
                    port.UseEndpoints(_endpoints.Map);
                },
            }
        );
        _browser = await PageBrowser.StartAsync();
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        if (_browser is not null)
            await _browser.DisposeAsync();
        if (_ports is not null)
            await _ports.DisposeAsync();
        if (_endpoints is not null)
            await _endpoints.DisposeAsync();
    }

    [TestCase(1280, "status-autoscaler", 850)]
    [TestCase(375, "status-autoscaler-small", 1260)]
    public async Task The_charts_show_ten_minutes_on_a_large_and_a_small_screen(int width, string picture, int height)
    {
        await using var context = await PageBrowser.Require(_browser).NewContextAsync(width);
        var page = await context.NewPageAsync();
        await page.GotoAsync($"http://{_ports!["health"]}{Chart}");

        await Expect(page.GetByRole(AriaRole.Img)).ToHaveCountAsync(2);
        (await page.Locator(".axis").First.InnerTextAsync()).Should().MatchRegex("^(9m 5.s|10m) ago");
        (await page.EvaluateAsync<int>("() => document.documentElement.scrollWidth")).Should().BeLessThanOrEqualTo(width);
        (await page.EvaluateAsync<string[]>(PageChecks.LowContrast)).Should().BeEmpty();
        await PageBrowser.TakeAsync(page, picture, height);
    }

    [Test]
    public async Task The_leaders_of_three_replicas_are_on_one_page()
    {
        await using var context = await PageBrowser.Require(_browser).NewContextAsync();
        var page = await context.NewPageAsync();
        await page.GotoAsync($"http://{_ports!["health"]}/status/leaders");

        await Expect(page.GetByRole(AriaRole.Row).Filter(new() { HasText = "autoscaler.01-of-03" })).ToContainTextAsync("serving-1");
        await PageBrowser.TakeAsync(page, "status-leaders", 640);
    }

    /// <summary>A revision whose load rises, surges and falls: what its decider makes of it every two seconds.</summary>
    private void PutScaling()
    {
        var key = new ObjectKey(StatusWorld.Namespace, "busy-00001");
        var load = new Load();
        var ready = 1;
        var deciders = new Deciders(load, _ => ready, _world.Time, NullLogger.Instance, new ScalingHistory());
        var settings = new AutoscalerSettings(
            new PodAutoscaler
            {
                Metadata = new ObjectMeta
                {
                    Annotations = new Dictionary<string, string>
                    {
                        ["autoscaling.knative.dev/target"] = "10",
                        ["autoscaling.knative.dev/max-scale"] = $"{MostPods}",
                    },
                },
                Spec = new PodAutoscalerSpec { Reachability = "Reachable" },
            },
            AutoscalerConfig.Default
        );
        var spec = settings.ToDeciderSpec();
        var desired = deciders.Ensure(key, spec).DesiredScale;
        for (var second = 0; second < 600; second += 2)
        {
            _world.Time.Advance(TimeSpan.FromSeconds(2));
            load.Second = second;
            deciders.EvaluateAll();
            desired = Math.Min(deciders.Ensure(key, spec).DesiredScale, MostPods);
            ready += second % 4 == 0 ? Math.Sign(desired - ready) : 0;
        }

        var (_, steps) = deciders.Explain(key)!.Value;
        _world.PutRevision(key.Name, "busy");
        for (var pod = 0; pod < ready; pod++)
            _world.PutPod($"busy-00001-{pod}", key.Name, "busy");
        var autoscaler = _world.Caches.Watch<PodAutoscaler>().Get(key.Namespace, key.Name)!;
        _world.Caches.Put(autoscaler with { Status = autoscaler.Status with { DesiredScale = desired, ActualScale = ready } });
        var serverless = _world.Caches.Watch<ServerlessService>().Get(key.Namespace, key.Name)!;
        _world.Caches.Put(
            serverless with
            {
                Spec = serverless.Spec with { Mode = steps!.Value.ExcessBurstCapacity < 0 ? "Proxy" : "Serve" },
            }
        );
        _world.Caches.Put(
            new Deployment
            {
                Metadata = new ObjectMeta { Namespace = key.Namespace, Name = autoscaler.Spec.ScaleTargetRef.Name },
                Spec = new DeploymentSpec { Replicas = desired },
            }
        );
        _world.Scaling = new(
            true,
            null,
            null,
            _world.Explanation(steps) with
            {
                Target = spec.TargetValue,
                Total = spec.TotalValue,
                MaxScale = MostPods,
                UpperBound = MostPods,
                Bounded = desired,
                Wanted = desired,
                Requested = desired,
                History = deciders.HistoryOf(key),
            }
        );
    }

    private void PutLeases()
    {
        Put("autoscaler.00-of-03", 0, 4);
        Put("autoscaler.01-of-03", 1, 7);
        Put("autoscaler.02-of-03", 2, 2);
        Put("controller.00-of-01", 0, 4);
        Put("gateway-api.00-of-01", 1, 7);
        Put("gateway-status.00-of-01", 2, 2);
        Put("istio.00-of-01", 1, 7);
        Put("webhook-registration.00-of-01", 0, 4);

        void Put(string name, int replica, int renewedAgo) =>
            _world.Caches.Put(
                new Lease
                {
                    Metadata = new ObjectMeta { Namespace = "knative-serving", Name = name },
                    Spec = new LeaseSpec
                    {
                        HolderIdentity = $"serving-{replica}_10.244.1.{replica + 4}",
                        LeaseDurationSeconds = 60,
                        AcquireTime = _world.Time.GetUtcNow() - TimeSpan.FromHours(30),
                        RenewTime = _world.Time.GetUtcNow() - TimeSpan.FromSeconds(renewedAgo),
                        LeaseTransitions = replica + 1,
                    },
                }
            );
    }

    /// <summary>Concurrency over time: 20, from the third minute on 60, for half a minute 160, then 50.</summary>
    private sealed class Load : IMetricSource
    {
        public int Second { get; set; }

        public (double Stable, double Panic)? Average(ObjectKey key, string metric, DateTimeOffset now) => (Mean(60), Mean(6));

        private double Mean(int window) => Enumerable.Range(Second - window + 1, window).Average(At);

        private static double At(int second) =>
            (
                second switch
                {
                    < 180 => 20,
                    < 300 => 20 + ((second - 180) / 3.0),
                    < 330 => 160,
                    _ => 50,
                }
            ) * (1 + (0.08 * Math.Sin(second / 5.0)));
    }
}

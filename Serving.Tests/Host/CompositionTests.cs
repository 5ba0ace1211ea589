using System.Net;
using FluentAssertions;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using NUnit.Framework;
using Serving.Activator;
using Serving.Autoscaler;
using Serving.Controller;
using Serving.Host.Composition;
using Serving.Kubernetes.Access;
using Serving.Kubernetes.Hosting;
using Serving.Kubernetes.Informers;
using Serving.Networking.Gateway;
using Serving.Networking.GatewayApi;
using Serving.Networking.Istio;
using Serving.Observability.Logging;
using Serving.StatusPages.Http;
using Serving.Webhook;

namespace Serving.Tests.Host;

/// <summary>What the application of a process is made of, by the modules that run in it. Nothing is started.</summary>
public sealed class CompositionTests
{
    private readonly ProcessLogging _logging = new(new LogOptions { Output = Stream.Null });

    [OneTimeTearDown]
    public void Dispose() => _logging.Dispose();

    /// <summary>The modules of our assemblies, but for those that a module makes of itself.</summary>
    private static IEnumerable<Type> ModuleTypes =>
        new[]
        {
            typeof(WebhookModule),
            typeof(ActivatorModule),
            typeof(GatewayModule),
            typeof(AutoscalerModule),
            typeof(IstioModule),
            typeof(GatewayApiModule),
            typeof(ControllerModule),
        }
            .SelectMany(static type => type.Assembly.GetExportedTypes())
            .Where(static type => typeof(IServingModule).IsAssignableFrom(type) && type is { IsAbstract: false, IsInterface: false });

    [Test]
    public async Task Every_module_is_a_hosted_service()
    {
        await using var whole = Compose(ControlPlane.AllModules, leasesRegistration: true);

        Modules(whole).Select(static module => module.GetType()).Should().BeEquivalentTo(ModuleTypes).And.HaveCountGreaterThan(6);
    }

    [Test]
    public async Task Modules_are_hosted_in_the_order_in_which_they_need_each_other_and_the_drain_comes_last()
    {
        await using var whole = Compose(ControlPlane.AllModules);
        var services = whole.Services.GetServices<IHostedService>().ToList();

        Modules(whole)
            .Select(static module => module.Name)
            .Should()
            .Equal("webhook", "activator", "gateway", "statistics", "autoscaler", "gateway-status", "istio", "gateway-api", "controller");
        services
            .FindLastIndex(static service => service is ModuleService)
            .Should()
            .BeLessThan(services.FindIndex(static service => service is ModuleDrain));
        services
            .FindLastIndex(static service => service is BackgroundPart)
            .Should()
            .BeLessThan(services.FindIndex(static service => service is ModuleDrain), "what modules rely on is stopped after them");
    }

    [TestCase("webhook", "webhook", "health,metrics,admission")]
    [TestCase("gateway", "gateway", "health,metrics")]
    [TestCase("activator", "activator", "health,metrics")]
    [TestCase("autoscaler", "statistics,autoscaler", "health,metrics,statistics")]
    [TestCase("gateway-status", "gateway-status", "health,metrics")]
    [TestCase("istio", "istio", "health,metrics")]
    [TestCase("gateway-api", "gateway-api", "health,metrics")]
    [TestCase("controller", "controller", "health,metrics")]
    public async Task A_process_has_only_what_its_modules_need(string module, string modules, string ports)
    {
        await using var part = Compose([module]);

        Modules(part).Select(static one => one.Name).Should().Equal(modules.Split(','));
        part.Services.GetServices<ServingPort>().Select(static port => port.Name).Should().BeEquivalentTo(ports.Split(','));
        part.Health.Parts.Should().Equal(["process", "caches", .. modules.Split(',')]);
    }

    [Test]
    public async Task What_another_module_reads_is_not_followed()
    {
        await using var webhook = Compose(["webhook"]);
        await using var controller = Compose(["controller"]);
        var (ofWebhook, ofController) = (Followed(webhook), Followed(controller));

        ofWebhook.Should().BeEquivalentTo("configmaps", "mutatingwebhookconfigurations", "validatingwebhookconfigurations");
        ofController.Should().Contain("revisions").And.NotContain("mutatingwebhookconfigurations");
    }

    [Test]
    public async Task A_network_layer_follows_nothing_of_its_own_before_it_is_used()
    {
        await using var istio = Compose(["istio"]);

        Followed(istio).Should().BeEquivalentTo("configmaps", "ingresses");
    }

    [Test]
    public async Task The_gateway_is_linked_to_the_activator_of_its_own_process_alone()
    {
        await using var both = Compose(["gateway", "activator"]);
        await using var gateway = Compose(["gateway"]);

        both.Services.GetService<ActivatorModule>().Should().NotBeNull();
        gateway.Services.GetService<ActivatorModule>().Should().BeNull();
        gateway
            .Services.GetServices<IHostedService>()
            .OfType<BackgroundPart>()
            .Should()
            .HaveCount(3, "informers, events and export, and no forwarder of statistics");
        both.Services.GetServices<IHostedService>().OfType<BackgroundPart>().Should().HaveCount(4);
    }

    [Test]
    public async Task Status_pages_are_there_when_asked_for_and_watch_nothing_more()
    {
        foreach (var module in ControlPlane.AllModules)
        {
            await using var without = Compose([module]);
            await using var with = Compose([module], statusPages: true);

            without.Services.GetService<StatusEndpoints>().Should().BeNull();
            with.Services.GetService<StatusEndpoints>().Should().NotBeNull();
            Followed(with).Should().BeEquivalentTo(Followed(without), module);
        }
    }

    [Test]
    public async Task There_is_one_server()
    {
        await using var whole = Compose(ControlPlane.AllModules);

        whole.Services.GetServices<IServer>().Should().ContainSingle();
    }

    private static IEnumerable<IServingModule> Modules(ControlPlane plane) =>
        plane.Services.GetServices<IHostedService>().OfType<ModuleService>().Select(static service => service.Module);

    private static IEnumerable<string> Followed(ControlPlane plane)
    {
        // Modules ask for their caches when they are made, which the host does first.
        _ = plane.Services.GetServices<IHostedService>().ToList();
        return plane.Services.GetRequiredService<SharedInformers>().NotSynced;
    }

    private ControlPlane Compose(IReadOnlyList<string> modules, bool leasesRegistration = false, bool statusPages = false)
    {
        var environment = new ClusterEnvironment("knative-serving", "cluster.local", "pod", IPAddress.Loopback);
        var any = new IPEndPoint(IPAddress.Loopback, 0);
        var options = new ControlPlaneOptions(
            modules,
            new GatewayOptions(any, any),
            new WebhookOptions(IPAddress.Loopback, 0),
            new ActivatorOptions(IPAddress.Loopback),
            new AutoscalerOptions(IPAddress.Loopback, 0),
            ResolveDigests: false,
            new ModuleHostOptions(),
            LeasesRegistration: leasesRegistration
        )
        {
            Health = any,
            StatusPages = statusPages,
        };
        return ControlPlane.Create(
            options,
            environment,
            new ClusterAccess { Configuration = new k8s.KubernetesClientConfiguration { Host = "https://127.0.0.1:1" } },
            _logging,
            TimeProvider.System
        );
    }
}

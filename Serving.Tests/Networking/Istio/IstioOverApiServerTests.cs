using System.Text;
using FluentAssertions;
using Microsoft.Extensions.Logging.Abstractions;
using NSubstitute;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Conditions;
using Serving.Api.Core;
using Serving.Api.Istio;
using Serving.Api.Networking;
using Serving.Api.WellKnown;
using Serving.ConfigMaps;
using Serving.Kubernetes.Access;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Discovery;
using Serving.Kubernetes.Events;
using Serving.Kubernetes.Informers;
using Serving.Kubernetes.Manifests;
using Serving.Networking.Istio;
using Serving.Networking.Layers;
using Serving.Tests.LocalCluster.ApiServer;
using Serving.Tests.Networking.Layers;
using Serving.Tests.Support;

namespace Serving.Tests.Networking.Istio;

/// <summary>The module over a real API server, where Istio is installed while it runs.</summary>
[Category("Slow")]
[Parallelizable]
public sealed class IstioOverApiServerTests
{
    private static readonly CancellationToken None = CancellationToken.None;

    [Test]
    public async Task Starts_once_Istio_and_its_permissions_are_there_and_its_objects_are_accepted()
    {
        await using var server = await RunningServer.StartAsync();
        using var administrator = new ClusterClient(ClusterAccess.FromKubeconfig(server.Server.KubeconfigPath));
        var applier = new ManifestApplier(administrator, new ResourceDiscovery(administrator));
        Task ApplyAsync(params string[] path) => applier.ApplyPathsAsync([Repository.PathOf(path)], "test", None);
        await ApplyAsync("deploy", "base", "namespace.yaml");
        await ApplyAsync("deploy", "crds");
        await ApplyAsync("deploy", "rbac", "control-plane.yaml");
        using var client = new ClusterClient(ClusterAccess.FromKubeconfig(await KubeconfigAsync(server)));
        using var stop = new CancellationTokenSource();
        var time = new ManualTimeProvider();
        var informers = new SharedInformers(client, NullLoggerFactory.Instance);
        using var config = new ConfigStore(
            informers,
            IstioWorld.Environment,
            NullLogger<ConfigStore>.Instance,
            Substitute.For<IEventRecorder>()
        );
        var module = new IstioModule(
            new LayerContext(
                informers,
                new ResourceDiscovery(client),
                config,
                IstioWorld.Environment,
                new RecordingProbe(),
                Substitute.For<IEventRecorder>(),
                NullLoggerFactory.Instance,
                time
            )
        );
        await CreateAsync(administrator);
        var running = Task.WhenAll(informers.RunAsync(stop.Token), module.RunAsync(client, stop.Token));

        await ConfiguredAsync(administrator, time, static condition => condition.Message.StartsWith("the cluster has no VirtualService"));

        await ApplyAsync("Serving.Tests", "Networking", "Istio", "definitions.yaml");
        await ConfiguredAsync(administrator, time, static condition => condition.Message.StartsWith("this process may not list Virtual"));
        informers.NotSynced.Should().BeEmpty("the process stays ready");

        await administrator.CreateAsync(Resources.Namespaces, new Namespace { Metadata = new ObjectMeta { Name = "istio-system" } }, None);
        await ApplyAsync("deploy", "components", "istio", "gateways.yaml");
        await ApplyAsync("deploy", "components", "istio", "role.yaml");
        await ConfiguredAsync(administrator, time, static condition => condition.Status == "True");

        (await administrator.ListAsync(IstioResources.VirtualServices, "default", null, None))
            .Items.Select(static made => made.Metadata.Name)
            .Should()
            .Equal("hello-ingress", "hello-mesh");
        await stop.CancelAsync();
        await running;
    }

    /// <summary>Access as the account of the control plane.</summary>
    private static async Task<string> KubeconfigAsync(RunningServer server)
    {
        var file = Path.Combine(server.Directory, "controller.kubeconfig");
        await File.WriteAllTextAsync(
            file,
            $$"""
            apiVersion: v1
            kind: Config
            current-context: c
            contexts: [{name: c, context: {cluster: c, user: u} }]
            clusters:
            - name: c
              cluster:
                server: {{server.Server.Address}}
                certificate-authority-data: {{Convert.ToBase64String(Encoding.UTF8.GetBytes(server.Server.CertificateAuthority))}}
            users: [{name: u, user: {token: "{{await server.TokenAsync("knative-serving", "controller")}}"} }]
            """
        );
        return file;
    }

    private static Task CreateAsync(ClusterClient client) =>
        client.CreateAsync(
            Resources.Ingresses,
            new Ingress
            {
                ApiVersion = Resources.Ingresses.ApiVersion,
                Kind = "Ingress",
                Metadata = new ObjectMeta
                {
                    Namespace = "default",
                    Name = "hello",
                    Annotations = IstioWorld.OfClass(NetworkingKeys.IstioIngressClass),
                },
                Spec = new IngressSpec
                {
                    HttpOption = "Enabled",
                    Rules = [IstioWorld.Rule(IstioWorld.Host), IstioWorld.Rule(IstioWorld.LocalHost, "ClusterLocal")],
                },
            },
            None
        );

    /// <summary>Lets the module's time pass until its condition holds.</summary>
    private static Task ConfiguredAsync(ClusterClient client, ManualTimeProvider time, Func<Condition, bool> holds) =>
        Eventually.HoldsAsync(async () =>
        {
            time.Advance(TimeSpan.FromSeconds(10));
            var ingress = await client.GetAsync(Resources.Ingresses, "default", "hello", CancellationToken.None);
            ConditionSet
                .Get(ingress.Status.Conditions, IngressLifecycle.NetworkConfigured)
                .Should()
                .Match<Condition>(condition => condition != null && holds(condition));
        });
}

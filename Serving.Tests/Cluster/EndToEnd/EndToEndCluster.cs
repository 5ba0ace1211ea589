using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Kubernetes.Client;
using Serving.Tests.Support;

// Tests of this namespace mostly wait: run more of them in parallel than there are CPUs, but not so many that each sees a machine on which
// nothing is in time.
[assembly: LevelOfParallelism(6)]

namespace Serving.Tests.Cluster.EndToEnd;

/// <summary>
/// The shared cluster of these tests, with settings for all of them: they run in parallel, so none changes a setting of the cluster.
/// </summary>
[SetUpFixture]
[NonParallelizable]
public sealed class EndToEndCluster
{
    /// <summary>The template of the sidecar's request log.</summary>
    internal const string RequestLogTemplate =
        """{"httpRequest": {"requestMethod": "{{.Request.Method}}", "requestUrl": "{{js .Request.RequestURI}}", "status": {{.Response.Code}}, "userAgent": "{{js .Request.UserAgent}}"}}""";

    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(60);
    private static readonly Lazy<Task<TestCluster>> Cluster = new(StartAsync);

    /// <summary>The cluster, started by the first test that needs it.</summary>
    internal static Task<TestCluster> Shared => Cluster.Value;

    [OneTimeTearDown]
    public static async Task StopAsync()
    {
        if (Cluster is { IsValueCreated: true, Value.IsCompletedSuccessfully: true })
        {
            await (await Cluster.Value).DisposeAsync();
        }
    }

    private static async Task<TestCluster> StartAsync()
    {
        var cluster = await TestCluster.OpenAsync();
        try
        {
            await ConfigureAsync(cluster);
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    private static async Task ConfigureAsync(TestCluster cluster)
    {
        await cluster.ConfigureAsync("config-autoscaler", ("allow-zero-initial-scale", "true"), ("scale-to-zero-grace-period", "6s"));

        // A revision is collected only when more than two have no traffic, which happens only in the test for it.
        await cluster.ConfigureAsync("config-gc", ("min-non-active-revisions", "0"), ("max-non-active-revisions", "2"));
        await cluster.ConfigureAsync("config-network", ("autocreate-cluster-domain-claims", "true"));
        await cluster.ConfigureAsync(
            "config-observability",
            ("logging.enable-probe-request-log", "true"),
            ("logging.enable-request-log", "true"),
            ("logging.request-log-template", RequestLogTemplate)
        );
        await cluster.ConfigureAsync(
            "config-features",
            ("kubernetes.podspec-init-containers", "enabled"),
            ("kubernetes.podspec-persistent-volume-claim", "enabled"),
            ("kubernetes.podspec-persistent-volume-write", "enabled"),
            ("kubernetes.podspec-securitycontext", "enabled"),
            ("multi-container-probing", "enabled"),
            ("secure-pod-defaults", "enabled"),
            ("tag-header-based-routing", "enabled")
        );

        // Components apply the settings soon after they are written.
        await Eventually.HoldsAsync(() => TryFeaturesAsync(cluster), StartLimit);
    }

    private static async Task TryFeaturesAsync(TestCluster cluster)
    {
        var service = new Service
        {
            Metadata = new ObjectMeta { Namespace = "default", Name = "tried" },
            Spec = new ServiceSpec
            {
                Template = new RevisionTemplateSpec
                {
                    Spec = new RevisionSpec
                    {
                        Containers = [new Container { Image = cluster.ProgramImage }],
                        InitContainers = [new Container { Image = cluster.ProgramImage }],
                    },
                },
            },
        };
        var tried = await cluster.Client.CreateAsync(
            Resources.KnativeServices,
            service,
            CancellationToken.None,
            new WriteOptions(DryRun: true)
        );
        tried.Spec.Template.Spec.Containers.Single().SecurityContext.Should().NotBeNull();
    }
}

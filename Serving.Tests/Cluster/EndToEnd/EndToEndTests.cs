using System.Diagnostics;
using System.Net;
using System.Text.Json;
using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Api.WellKnown;
using Serving.Kubernetes.Client;
using Serving.Tests.Support;

namespace Serving.Tests.Cluster.EndToEnd;

/// <summary>The base of the end-to-end tests: a shared cluster, and a namespace for each test.</summary>
public abstract class EndToEndTests
{
    /// <summary>The timeout of any step on a busy machine.</summary>
    protected static readonly TimeSpan Limit = TimeSpan.FromMinutes(3);

    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(100);

    private string _domain = "";

    // Set before any test starts.
    private protected TestCluster Cluster => OpenAsync().Result;

    private protected string Namespace { get; private set; } = "";

    [SetUp]
    public async Task CreateNamespaceAsync()
    {
        var cluster = await OpenAsync();
        Namespace = await cluster.CreateNamespaceAsync();
        _domain = await cluster.DomainAsync();
    }

    /// <summary>Deletes the pods of a finished test, so that they do not use CPU.</summary>
    [TearDown]
    public async Task DeleteServicesAsync()
    {
        if (Namespace.Length == 0)
        {
            return;
        }

        foreach (var service in await ListAsync(Resources.KnativeServices))
        {
            await Cluster.Client.DeleteAsync(Resources.KnativeServices, Namespace, service.Metadata.Name, CancellationToken.None);
        }

        foreach (var configuration in await ListAsync(Resources.Configurations))
        {
            try
            {
                await Cluster.Client.DeleteAsync(Resources.Configurations, Namespace, configuration.Metadata.Name, CancellationToken.None);
            }
            catch (KubernetesException gone) when (gone.IsNotFound)
            {
                // It belonged to a Service, and was deleted with it.
            }
        }
    }

    /// <summary>The cluster of the tests.</summary>
    private protected virtual Task<TestCluster> OpenAsync() => EndToEndCluster.Shared;

    /// <summary>The external host of a Route.</summary>
    private protected string HostOf(string name) => $"{name}.{Namespace}.{_domain}";

    /// <summary>Applies a Service that runs the test program.</summary>
    private protected Task ApplyAsync(ServiceManifest manifest) => Cluster.ApplyAsync(manifest.ToService(Namespace, Cluster.ProgramImage));

    /// <summary>Applies a Service, and waits until it is ready.</summary>
    private protected async Task<Service> StartAsync(ServiceManifest manifest)
    {
        await ApplyAsync(manifest);
        return await Cluster.WaitForReadyAsync(Namespace, manifest.Name, Limit);
    }

    /// <summary>Applies a Service with a changed template, and waits until its new Revision is ready.</summary>
    /// <returns>The Revision's name.</returns>
    private protected async Task<string> UpdateAsync(ServiceManifest manifest)
    {
        var before = (await GetAsync(Resources.KnativeServices, manifest.Name)).Status.LatestCreatedRevisionName;
        await ApplyAsync(manifest);
        await EventuallyAsync(async () =>
        {
            var status = (await GetAsync(Resources.KnativeServices, manifest.Name)).Status;
            status.LatestReadyRevisionName.Should().NotBe(before).And.Be(status.LatestCreatedRevisionName);
            ConditionOf(status, "Ready").Should().Match<Condition>(ready => ready.Status == "True");
        });
        return (await GetAsync(Resources.KnativeServices, manifest.Name)).Status.LatestReadyRevisionName;
    }

    /// <summary>Sends a GET to a Service through the gateway.</summary>
    private protected Task<(HttpStatusCode Status, string Body)> CallAsync(string name, string path = "/") =>
        Cluster.GetAsync(HostOf(name), path);

    private protected Task<T> GetAsync<T>(ResourceType<T> type, string name)
        where T : class, IKubernetesObject => Cluster.Client.GetAsync(type, Namespace, name, CancellationToken.None);

    private protected async Task<IReadOnlyList<T>> ListAsync<T>(ResourceType<T> type, string? selector = null)
        where T : class, IKubernetesObject =>
        (await Cluster.Client.ListAsync(type, Namespace, new ListOptions(selector), CancellationToken.None)).Items;

    /// <summary>Applies a merge patch with these members.</summary>
    private protected Task<T> PatchAsync<T>(ResourceType<T> type, string name, string body)
        where T : class, IKubernetesObject =>
        Cluster.Client.PatchAsync(type, Namespace, name, new Patch(PatchType.Merge, body), CancellationToken.None);

    /// <summary>The pods of a Revision that are not being deleted.</summary>
    private protected async Task<List<Pod>> PodsAsync(string revision) =>
        [.. (await ListAsync(Resources.Pods, $"{ServingKeys.Revision}={revision}")).Where(pod => pod.Metadata.DeletionTimestamp is null)];

    /// <summary>The number of ready addresses of a Kubernetes Service.</summary>
    private protected async Task<IReadOnlyList<string>> AddressesAsync(string service, string? ns = null)
    {
        var slices = await Cluster.Client.ListAsync(
            Resources.EndpointSlices,
            ns ?? Namespace,
            new ListOptions($"kubernetes.io/service-name={service}"),
            CancellationToken.None
        );
        return
        [
            .. slices
                .Items.SelectMany(slice => slice.Endpoints)
                .Where(endpoint => endpoint.Conditions?.Ready != false)
                .SelectMany(endpoint => endpoint.Addresses)
                .Distinct(),
        ];
    }

    /// <summary>The number of ready pods of a Revision, from its private Service.</summary>
    private protected async Task<int> ReadyPodsAsync(string revision)
    {
        var services = await ListAsync(Resources.ServerlessServices, $"{ServingKeys.Revision}={revision}");
        return services is [{ Status.PrivateServiceName: { Length: > 0 } name }] ? (await AddressesAsync(name)).Count : 0;
    }

    /// <summary>Calls an action for each object of the namespace, and for each of its changes, until it is stopped.</summary>
    private protected async Task WatchAsync<T>(ResourceType<T> type, Action<T> seen, CancellationToken stop)
        where T : class, IKubernetesObject
    {
        try
        {
            await foreach (var change in Cluster.Client.WatchAsync(type, Namespace, new ListOptions(), stop))
            {
                if (change.Object is { } value)
                    seen(value);
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // Nothing more is to be seen.
        }
    }

    /// <summary>Waits until requests to a Revision are routed to activators.</summary>
    private protected Task ActivatorsInPathAsync(string revision) =>
        EventuallyAsync(async () =>
            (await AddressesAsync(revision))
                .Should()
                .NotBeEmpty()
                .And.BeSubsetOf(await AddressesAsync("activator-service", TestCluster.SystemNamespace))
        );

    /// <summary>Waits until a Revision has no pod, and is still ready.</summary>
    private protected async Task AtZeroAsync(string revision)
    {
        await EventuallyAsync(async () => (await PodsAsync(revision)).Should().BeEmpty());
        ConditionOf((await GetAsync(Resources.Revisions, revision)).Status, "Ready")
            .Should()
            .Match<Condition>(ready => ready.Status == "True");
    }

    /// <summary>Keeps this number of requests in flight to a path of a Service; disposing stops it, and fails the test when one
    /// failed.</summary>
    private protected Load LoadOf(string name, int clients, string path) => new(Cluster, HostOf(name), path, clients);

    /// <summary>Polls until an assertion holds.</summary>
    private protected static Task EventuallyAsync(Func<Task> assertion) => Eventually.HoldsAsync(assertion, Limit);

    /// <summary>Asserts repeatedly that a condition holds for a duration.</summary>
    private protected static async Task ThroughoutAsync(TimeSpan time, Func<Task> assertion)
    {
        var watch = Stopwatch.StartNew();
        while (watch.Elapsed < time)
        {
            await assertion();
            await Task.Delay(Interval);
        }
    }

    private protected static Condition? ConditionOf(KnativeStatus status, string type) =>
        status.Conditions.FirstOrDefault(condition => condition.Type == type);

    /// <summary>The value of a member in JSON.</summary>
    private protected static string Member(string json, params string[] path)
    {
        using var document = JsonDocument.Parse(json);
        var value = document.RootElement;
        foreach (var name in path)
        {
            value = value.GetProperty(name);
        }

        return value.ToString();
    }
}

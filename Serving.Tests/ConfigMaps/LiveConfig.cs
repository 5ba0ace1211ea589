using System.Net;
using Microsoft.Extensions.Logging.Abstractions;
using NSubstitute;
using Serving.Api;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.ConfigMaps;
using Serving.Kubernetes.Events;
using Serving.Kubernetes.Hosting;
using Serving.Tests.Support;

namespace Serving.Tests.ConfigMaps;

/// <summary>A store over in-memory ConfigMaps, with a minimal installation.</summary>
internal sealed class LiveConfig : IDisposable
{
    public const string Namespace = "knative-serving";

    public LiveConfig(InMemoryCluster? cluster = null)
    {
        Cluster = cluster ?? new InMemoryCluster();
        Put("config-deployment", ("queue-sidecar-image", "queue:1"));
        Put("config-domain", ("example.com", ""));
        Store = new ConfigStore(
            Cluster,
            new ClusterEnvironment(Namespace, "cluster.local", "pod", IPAddress.Loopback),
            NullLogger<ConfigStore>.Instance,
            Events
        );
    }

    public InMemoryCluster Cluster { get; }

    public IEventRecorder Events { get; } = Substitute.For<IEventRecorder>();

    public ConfigStore Store { get; }

    public ConfigSnapshot Current => Store.Current;

    /// <summary>Replaces the data of a ConfigMap, like <c>kubectl edit</c>.</summary>
    public void Put(string name, params (string Key, string Value)[] data) =>
        Cluster.Put(
            Resources.ConfigMaps,
            new ConfigMap
            {
                ApiVersion = "v1",
                Kind = "ConfigMap",
                Metadata = new ObjectMeta { Namespace = Namespace, Name = name },
                Data = data.ToDictionary(d => d.Key, d => d.Value),
            }
        );

    public void Dispose() => Store.Dispose();
}

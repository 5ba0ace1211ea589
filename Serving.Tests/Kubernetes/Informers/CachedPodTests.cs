using System.Globalization;
using System.Text;
using System.Text.Json;
using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.Kubernetes.Informers;

namespace Serving.Tests.Kubernetes.Informers;

public sealed class CachedPodTests
{
    private const int Pods = 1000;

    /// <summary>A pod of a Revision as an API server returns it, shortened only where fields repeat.</summary>
    private const string Document = """
        {
          "apiVersion": "v1", "kind": "Pod",
          "metadata": {
            "name": "hello-00001-deployment-@NUMBER", "generateName": "hello-00001-deployment-7d9f-", "namespace": "default",
            "uid": "@UID", "resourceVersion": "@NUMBER", "creationTimestamp": "2026-01-01T00:00:00Z",
            "labels": {
              "app": "hello-00001", "pod-template-hash": "7d9f", "serving.knative.dev/configuration": "hello",
              "serving.knative.dev/configurationGeneration": "1", "serving.knative.dev/configurationUID": "5c1d4d1e-0001",
              "serving.knative.dev/revision": "hello-00001", "serving.knative.dev/revisionUID": "5c1d4d1e-0002",
              "serving.knative.dev/service": "hello", "serving.knative.dev/serviceUID": "5c1d4d1e-0003"
            },
            "annotations": {"serving.knative.dev/creator": "admin"},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "hello-00001-deployment-7d9f",
               "uid": "5c1d4d1e-0004", "controller": true}],
            "managedFields": [{"manager": "kube-controller-manager", "operation": "Update",
               "fieldsV1": {"f:metadata": {"f:labels": {"f:app": {}}}}}]
          },
          "spec": {
            "volumes": [{"name": "kube-api-access", "projected": {"defaultMode": 420,
               "sources": [{"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}}]}}],
            "containers": [
              {"name": "user-container", "image": "registry.example.com/hello@sha256:1234",
               "ports": [{"name": "user-port", "containerPort": 8080, "protocol": "TCP"}],
               "env": [{"name": "PORT", "value": "8080"}, {"name": "K_REVISION", "value": "hello-00001"}],
               "resources": {"requests": {"cpu": "100m"}},
               "volumeMounts": [{"name": "kube-api-access", "readOnly": true, "mountPath": "/var/run/secrets"}],
               "imagePullPolicy": "IfNotPresent"},
              {"name": "queue-proxy", "image": "registry.example.com/queue@sha256:5678",
               "ports": [{"name": "http-queueadm", "containerPort": 8022, "protocol": "TCP"},
                 {"name": "queue-port", "containerPort": 8012, "protocol": "TCP"}],
               "env": [ENVIRONMENT],
               "readinessProbe": {"httpGet": {"path": "/", "port": 8012, "scheme": "HTTP"}, "periodSeconds": 10}}
            ],
            "nodeName": "node-1", "serviceAccountName": "default", "enableServiceLinks": false, "schedulerName": "default-scheduler",
            "tolerations": [{"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}],
            "priority": 0
          },
          "status": {
            "phase": "Running", "podIP": "10.0.0.1", "podIPs": [{"ip": "10.0.0.1"}], "hostIP": "10.1.0.1", "qosClass": "Burstable",
            "startTime": "2026-01-01T00:00:00Z",
            "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:05Z"},
              {"type": "PodScheduled", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}],
            "containerStatuses": [
              {"name": "user-container", "image": "registry.example.com/hello", "imageID": "sha256:1234",
               "resources": {"requests": {"cpu": "90m"}, "limits": {"cpu": "1"}},
               "containerID": "containerd://1", "ready": true, "started": true, "restartCount": 0,
               "state": {"running": {"startedAt": "2026-01-01T00:00:01Z"}}},
              {"name": "queue-proxy", "image": "registry.example.com/queue", "imageID": "sha256:5678",
               "containerID": "containerd://2", "ready": true, "started": true, "restartCount": 0,
               "state": {"running": {"startedAt": "2026-01-01T00:00:02Z"}}}
            ]
          }
        }
        """;

    [Test]
    public void A_cached_pod_takes_little_memory()
    {
        var cache = new InformerCache<Pod>();
        Fill(cache, Pods, 2 * Pods);
        var before = GC.GetTotalMemory(forceFullCollection: true);

        Fill(cache, 0, Pods);

        var each = (GC.GetTotalMemory(forceFullCollection: true) - before) / Pods;
        TestContext.Out.WriteLine($"{each} bytes for a cached pod");
        each.Should().BeLessThan(6000, "whole pods like this take more than 20,000 bytes");
        GC.KeepAlive(cache);
    }

    [Test]
    public void Keeps_what_a_control_plane_reads()
    {
        var pod = Read(7);

        var cached = CachedPod.Of(pod);

        cached.Metadata.Should().BeSameAs(pod.Metadata);
        cached.Status!.PodIP.Should().Be("10.0.0.1");
        cached.Status.Conditions.Should().BeSameAs(pod.Status!.Conditions);
        cached
            .Status.ContainerStatuses.Select(status => (status.Name, status.Ready, status.State!.Running!.StartedAt))
            .Should()
            .Equal(pod.Status.ContainerStatuses.Select(status => (status.Name, status.Ready, status.State!.Running!.StartedAt)));
        cached.Spec!.Containers.Select(container => container.Name).Should().Equal("user-container", "queue-proxy");
        cached.Spec.Containers[1].Ports.Single(port => port.Name == "queue-port").Number.Should().Be(8012);
        cached.Spec.Containers[1].Env.Should().BeEmpty();
        cached.Spec.Containers[0].Resources!.Requests!["cpu"].Should().Be(new Quantity("100m"));
        cached.Spec.Containers[0].Resources!.Limits.Should().BeNull("a resize is recognized by its requests");
        cached.Status.ContainerStatuses[0].Resources!.Requests!["cpu"].Should().Be(new Quantity("90m"), "what the node has granted");
    }

    [Test]
    public void Documents_share_the_strings_that_they_repeat()
    {
        var (one, other) = (Read(1), Read(2));

        one.Metadata.Labels["serving.knative.dev/revision"].Should().BeSameAs(other.Metadata.Labels["serving.knative.dev/revision"]);
        one.Metadata.Labels.Keys.Should().OnlyContain(key => other.Metadata.Labels.Keys.Any(same => ReferenceEquals(key, same)));
        one.Status!.Conditions[0].Type.Should().BeSameAs(other.Status!.Conditions[0].Type);
        one.Metadata.Name.Should().Be("hello-00001-deployment-1");
    }

    [TestCase("\"a\\u0041\"", "aA")]
    [TestCase("\"\u00e4\"", "\u00e4")]
    [TestCase("\"\"", "")]
    [TestCase(
        "\"0123456789012345678901234567890123456789012345678901234567890123456789\"",
        "0123456789012345678901234567890123456789012345678901234567890123456789"
    )]
    public void Strings_are_read_as_they_are(string json, string value)
    {
        for (var i = 0; i < 2; i++)
        {
            var name = JsonSerializer.Deserialize(
                $$"""{"metadata":{"name":{{json}},"labels":{ {{json}}: {{json}} } } }""",
                ApiJson.Default.Pod
            )!;
            name.Metadata.Name.Should().Be(value);
            name.Metadata.Labels.Should().Contain(value, value);
        }
    }

    [Test]
    public void The_pool_of_strings_tells_all_of_them_apart()
    {
        // Many more than it has places for.
        for (var i = 0; i < 50_000; i++)
        {
            var text = $"string-{i}";
            StringPool.Find(Encoding.ASCII.GetBytes(text)).Should().Be(text);
        }
    }

    private static void Fill(InformerCache<Pod> cache, int from, int to)
    {
        for (var i = from; i < to; i++)
        {
            cache.Set(CachedPod.Of(CacheTransform.Apply(Resources.Pods, Read(i))));
        }
    }

    private static Pod Read(int number) =>
        JsonSerializer.Deserialize(
            Document
                .Replace("@NUMBER", number.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal)
                .Replace("@UID", Guid.NewGuid().ToString(), StringComparison.Ordinal)
                .Replace(
                    "ENVIRONMENT",
                    string.Join(
                        ',',
                        Enumerable.Range(0, 30).Select(i => $$"""{"name": "SERVING_SETTING_{{i}}", "value": "value {{i}}"}""")
                    ),
                    StringComparison.Ordinal
                ),
            ApiJson.Default.Pod
        )!;
}

namespace Serving.Benchmarks.Soak;

/// <summary>The Services that a soak needs.</summary>
internal static class SoakManifest
{
    /// <summary>The host of the Service that answers at once, on a local cluster.</summary>
    public const string Good = "good.default.localhost";

    /// <summary>The host of the Service of one slow request at a time.</summary>
    public const string Busy = "busy.default.localhost";

    public const string Yaml = """
        apiVersion: serving.knative.dev/v1
        kind: Service
        metadata: {name: good, namespace: default}
        spec:
          template:
            metadata:
              annotations: {autoscaling.knative.dev/min-scale: "1", autoscaling.knative.dev/max-scale: "1"}
            spec:
              containers: [{image: ghcr.io/serving-samples/helloworld}]
        ---
        apiVersion: serving.knative.dev/v1
        kind: Service
        metadata: {name: busy, namespace: default}
        spec:
          template:
            metadata:
              annotations: {autoscaling.knative.dev/min-scale: "1", autoscaling.knative.dev/max-scale: "1"}
            spec:
              containerConcurrency: 1
              containers: [{image: ghcr.io/serving-samples/autoscale}]
        """;
}

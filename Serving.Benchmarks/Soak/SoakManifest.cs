namespace Serving.Benchmarks.Soak;

/// <summary>The Services for a soak test.</summary>
internal static class SoakManifest
{
    /// <summary>The host of the Service that responds at once, on a local cluster.</summary>
    public const string Good = "good.default.localhost";

    /// <summary>The host of the Service that handles one slow request at a time.</summary>
    public const string Busy = "busy.default.localhost";

    /// <summary>Both Services, of one pod each.</summary>
    public static string Yaml { get; } = $"{Service("good", "helloworld", 0)}---\n{Service("busy", "autoscale", 1)}";

    private static string Service(string name, string sample, int concurrency) =>
        $$"""
            apiVersion: serving.knative.dev/v1
            kind: Service
            metadata: {name: {{name}}, namespace: default}
            spec:
              template:
                metadata:
                  annotations: {autoscaling.knative.dev/min-scale: "1", autoscaling.knative.dev/max-scale: "1"}
                spec:
                  containerConcurrency: {{concurrency}}
                  containers: [{image: ghcr.io/serving-samples/{{sample}}}]

            """;
}

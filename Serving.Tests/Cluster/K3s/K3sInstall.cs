namespace Serving.Tests.Cluster.K3s;

/// <summary>What is applied and run to install Serving on a K3s node that is a container: from <c>deploy/serving.yaml</c> and the archives
/// of <c>deploy/images/build</c>.</summary>
internal static class K3sInstall
{
    /// <summary>The node's port of the gateway, which the container maps.</summary>
    public const int GatewayNodePort = 30080;

    /// <summary>
    /// What the tests' Services name as registry: one whose tags Knative does not resolve, so that nothing asks a registry for images that
    /// only the node has.
    /// </summary>
    public const string Registry = "dev.local";

    /// <summary>Our images, as the manifests name their registry.</summary>
    public const string ReleaseRegistry = "ghcr.io/serving";

    private const string LoadBalancer = "  type: LoadBalancer\n";
    private const string GatewayPort = "  - name: http2\n    port: 80\n    targetPort: 8081\n";

    /// <summary>The images that the node must have: those of the install and those of the tests' Services.</summary>
    public static IReadOnlyList<string> Images { get; } = ["host", "queue-proxy", "helloworld", "autoscale", "testprograms"];

    /// <summary>The manifest of the install with the gateway on a port of the node: a container's node has no load balancer.</summary>
    /// <param name="manifest">The text of <c>deploy/serving.yaml</c>.</param>
    public static string WithNodePort(string manifest)
    {
        manifest = Replace(manifest, LoadBalancer, "  type: NodePort\n");
        return Replace(manifest, GatewayPort, $"{GatewayPort}    nodePort: {GatewayNodePort}\n");
    }

    /// <summary>The domain of the tests' Services.</summary>
    public const string Domain = """
        apiVersion: v1
        kind: ConfigMap
        metadata:
          name: config-domain
          namespace: knative-serving
          labels: {app.kubernetes.io/name: knative-serving, app.kubernetes.io/component: controller}
        data: {example.com: ""}
        """;

    /// <summary>The command that gives the node the image of an archive.</summary>
    /// <param name="archive">The archive's path in the container.</param>
    public static string[] ImportCommand(string archive) => ["ctr", "--namespace", "k8s.io", "images", "import", archive];

    /// <summary>The command that names an image as the tests' Services name it.</summary>
    public static string[] TagCommand(string image, string tag) =>
        ["ctr", "--namespace", "k8s.io", "images", "tag", "--force", $"{ReleaseRegistry}/{image}:{tag}", $"{Registry}/{image}:{tag}"];

    /// <summary>The archive of an image in a folder. Throws when there is none, saying how it is made.</summary>
    public static string ArchiveIn(string folder, string image, string tag)
    {
        var found = Directory.Exists(folder) ? Directory.GetFiles(folder, $"{image}-{tag}-*.tar") : [];
        return found.Length == 1
            ? found[0]
            : throw new InvalidOperationException(
                $"{folder} has {found.Length} archives of {image}:{tag}, expected one: run `deploy/images/build {string.Join(' ', Images)}`."
            );
    }

    private static string Replace(string manifest, string from, string to) =>
        manifest.Split(from).Length == 2
            ? manifest.Replace(from, to, StringComparison.Ordinal)
            : throw new InvalidOperationException(
                $"deploy/serving.yaml says {manifest.Split(from).Length - 1} times, expected once:\n{from}"
            );
}

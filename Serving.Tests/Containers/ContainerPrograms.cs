using Serving.Tests.Cluster.Deployed;

namespace Serving.Tests.Containers;

/// <summary>
/// Has the node of a local cluster run the containers of pods in the engine: for each of our images a script that becomes <c>docker
/// run</c>, with the environment and arguments that the node gives the program. The node sees its output, signals and exit code as those of
/// a process.
/// </summary>
internal sealed class ContainerPrograms
{
    private const string LabelName = "org.serving.test";

    /// <summary>Marks the containers of this cluster.</summary>
    public string Label { get; } = $"{LabelName}={Guid.NewGuid():N}";

    /// <summary>Writes the scripts; the entries of the image map that lead to them.</summary>
    public async Task<IReadOnlyList<string>> WriteAsync(string directory) =>
        [
            await WriteAsync(
                directory,
                "host",
                $$"""
                {{DeployedCluster.WaitForIdentity(directory)}}
                chmod 644 {{directory}}/$account.kubeconfig
                options="--volume {{directory}}/$account.kubeconfig:/kubeconfig:ro --env KUBECONFIG=/kubeconfig"
                """
            ),
            await WriteAsync(directory, "queue-proxy", "options="),
            await WriteAsync(directory, "helloworld", "options="),
        ];

    private async Task<string> WriteAsync(string directory, string image, string prepare)
    {
        var script = Path.Combine(directory, $"{image}.sh");
        await File.WriteAllTextAsync(
            script,
            $$"""
            {{prepare}}
            for name in $(tr '\0' '\n' </proc/$$/environ | sed -nE 's/^([A-Za-z_][A-Za-z0-9_]*)=.*/\1/p'); do
              case $name in PATH | HOME | PWD | KUBECONFIG) ;; *) options="$options --env $name" ;; esac
            done
            export HOME={{directory}} DOCKER_HOST={{ContainerEngine.Endpoint.OriginalString}}{{ApiVersion}}
            exec docker run --rm --network host --read-only --cap-drop ALL --security-opt no-new-privileges --label {{Label}} $options {{ContainerEngine.ImageName(
                image
            )}} "$@"

            """
        );
        return $"*/{image}*=sh {script}";
    }

    /// <summary>The node gives programs nothing of its own environment.</summary>
    private static string ApiVersion =>
        Environment.GetEnvironmentVariable("DOCKER_API_VERSION") is { Length: > 0 } version ? $" DOCKER_API_VERSION={version}" : "";
}

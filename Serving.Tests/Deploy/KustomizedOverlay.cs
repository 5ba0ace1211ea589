using FluentAssertions;
using Serving.Tests.Support;

namespace Serving.Tests.Deploy;

/// <summary>The base or an overlay with components added, as in an overlay of a user.</summary>
internal static class KustomizedOverlay
{
    /// <summary>The base and all overlays, as folders of <c>deploy/</c>.</summary>
    public static IEnumerable<string> Overlays =>
        [
            "base",
            .. Directory
                .EnumerateDirectories(Repository.PathOf("deploy", "overlays"))
                .Select(overlay => $"overlays/{Path.GetFileName(overlay)}"),
        ];

    /// <summary>Renders an overlay with components; those that it has already are not added again.</summary>
    /// <param name="folder">Where the overlay of the user is written.</param>
    /// <param name="overlay">One of <see cref="Overlays"/>.</param>
    /// <param name="components">Folders of <c>deploy/components</c>, in the order in which they are applied.</param>
    public static async Task<string> RenderAsync(string folder, string overlay, params string[] components)
    {
        Kubectl.Require();
        var own = Directory.CreateDirectory(Path.Combine(folder, Guid.NewGuid().ToString("N"))).FullName;
        string At(string path) => Path.GetRelativePath(own, Repository.PathOf("deploy", path));
        await File.WriteAllTextAsync(
            Path.Combine(own, "kustomization.yaml"),
            $"""
            resources: [{At(overlay)}]
            components: [{string.Join(", ", components.Except(ComponentsOf(overlay)).Select(component => At($"components/{component}")))}]
            """
        );
        var (code, output) = await Kubectl.RunAsync("kubectl", ["kustomize", own]);
        code.Should().Be(0, output);
        return output;
    }

    private static string[] ComponentsOf(string overlay) =>
        overlay switch
        {
            "overlays/adopted" => ["shared-account"],
            "overlays/https" => ["https"],
            "overlays/nodeport" or "overlays/kind" => ["nodeport"],
            "overlays/hostport" => ["hostport"],
            _ => [],
        };
}

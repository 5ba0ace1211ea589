namespace Serving.Tests.Support;

/// <summary>Finds files of the repository, independent of the working directory.</summary>
internal static class Repository
{
    /// <summary>The folder that holds <c>serving.sln</c>.</summary>
    public static string Root { get; } = Find();

    /// <summary>The tag of our images, which the manifests name.</summary>
    public static string ImageTag { get; } = $"v{typeof(Repository).Assembly.GetName().Version!.ToString(3)}";

    /// <summary>The full path of a file or folder of the repository.</summary>
    public static string PathOf(params string[] parts) => Path.Combine([Root, .. parts]);

    private static string Find()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "serving.sln")))
        {
            folder = folder.Parent;
        }

        return folder?.FullName ?? throw new InvalidOperationException($"no serving.sln above {AppContext.BaseDirectory}");
    }
}

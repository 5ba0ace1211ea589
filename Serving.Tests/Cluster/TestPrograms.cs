using Serving.Tests.Support;

namespace Serving.Tests.Cluster;

/// <summary>The built <c>Serving.TestPrograms</c>, which pods of the local cluster run.</summary>
internal static class TestPrograms
{
    /// <summary>The path of the program, of the same build configuration as the tests.</summary>
    public static string Command { get; } =
        HostProcess
            .Assembly.Replace("Serving.Host.dll", "Serving.TestPrograms", StringComparison.Ordinal)
            .Replace(
                $"{Path.DirectorySeparatorChar}Serving.Host{Path.DirectorySeparatorChar}",
                $"{Path.DirectorySeparatorChar}Serving.TestPrograms{Path.DirectorySeparatorChar}",
                StringComparison.Ordinal
            );

    /// <summary>The argument that maps the image <see cref="TestCluster.ProgramImage"/> to this program on a local cluster.</summary>
    public static string ImageMapEntry => $"*/testprograms*='{Command}'";
}

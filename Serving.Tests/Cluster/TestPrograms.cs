using Serving.Tests.Support;

namespace Serving.Tests.Cluster;

/// <summary>The built <c>Serving.TestPrograms</c>, which pods of the local cluster run.</summary>
internal static class TestPrograms
{
    /// <summary>The program, of the same build configuration as the tests.</summary>
    public static string Command { get; } = HostProcess.Assembly.Replace("Serving.Host.dll", "Serving.TestPrograms", StringComparison.Ordinal)
        .Replace($"{Path.DirectorySeparatorChar}Serving.Host{Path.DirectorySeparatorChar}", $"{Path.DirectorySeparatorChar}Serving.TestPrograms{Path.DirectorySeparatorChar}", StringComparison.Ordinal);

    /// <summary>Says to a local cluster that the image of <see cref="TestCluster.ProgramImage"/> is this program.</summary>
    public static string ImageMapEntry => $"*/testprograms*='{Command}'";
}

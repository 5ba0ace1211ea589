using FluentAssertions;
using NUnit.Framework;
using Serving.Host.Local;

namespace Serving.Tests.Host.Local;

public sealed class PodProgramsTests
{
    private readonly string _folder = Directory.CreateTempSubdirectory("serving-programs-").FullName;

    [OneTimeTearDown]
    public void Delete() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void A_program_is_native_or_the_executable_beside_an_assembly_or_the_assembly()
    {
        var native = Touch("native/Serving.QueueProxy");
        var executable = Touch("built/HelloWorld");
        var assembly = Path.Combine(_folder, "built", "Autoscale.dll");

        PodPrograms
            .ImageMap([native, executable + ".dll", assembly])
            .Should()
            .Equal(
                $"*/queue-proxy*='{native}'",
                $"*/helloworld*='{executable}'",
                $"helloworld*='{executable}'",
                $"*/autoscale*='dotnet' '{assembly}'",
                $"autoscale*='dotnet' '{assembly}'"
            );
    }

    private string Touch(string name)
    {
        var path = Path.Combine(_folder, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, "");
        return path;
    }
}

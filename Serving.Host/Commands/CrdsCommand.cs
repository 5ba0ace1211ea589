using System.CommandLine;
using Serving.Api.Schema;

namespace Serving.Host.Commands;

/// <summary><c>crds</c>: writes the custom resource definitions, generated from the API's types.</summary>
internal static class CrdsCommand
{
    public static Command Create()
    {
        var output = new Option<DirectoryInfo>("--output")
        {
            Description = "The folder to write to.",
            DefaultValueFactory = _ => new DirectoryInfo(Path.Combine("deploy", "crds")),
        };
        var command = new Command("crds", "Writes the CustomResourceDefinitions, one file per kind.") { output };
        command.SetAction(
            async (parsed, cancellation) =>
            {
                var folder = parsed.GetValue(output)!;
                folder.Create();
                foreach (var (name, yaml) in CrdGenerator.Generate())
                {
                    await File.WriteAllTextAsync(Path.Combine(folder.FullName, name), yaml, cancellation);
                    Console.WriteLine(Path.Combine(folder.Name, name));
                }

                return ExitCode.Ok;
            }
        );
        return command;
    }
}

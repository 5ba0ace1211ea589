using System.Globalization;
using Serving.TestPrograms;

// The first argument selects the program; the default is a web server.
return args switch
{
    [] or ["web"] => await WebServer.RunAsync(),
    ["grpc"] => await GrpcServer.RunAsync(),
    ["fail", var code, var text] => Fail(int.Parse(code, CultureInfo.InvariantCulture), text),
    ["probe", var url] => await ProbeAsync(new Uri(url)),
    ["write", var file, var text] => await WriteAsync(file, text),
    _ => Fail(2, "usage: [web | grpc | fail CODE TEXT | probe URL | write FILE TEXT]"),
};

static int Fail(int code, string text)
{
    Console.Error.WriteLine(text);
    return code;
}

// The command of an exec probe.
static async Task<int> ProbeAsync(Uri url)
{
    using var client = new HttpClient();
    using var response = await client.GetAsync(url);
    return response.IsSuccessStatusCode ? 0 : 1;
}

// An init container: writes a file for the other containers.
static async Task<int> WriteAsync(string file, string text)
{
    await File.WriteAllTextAsync(Volume.PathOf(file), text);
    return 0;
}
